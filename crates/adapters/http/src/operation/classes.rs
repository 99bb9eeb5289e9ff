//! The words of a row: what an operation can be in each respect.

/// Who may ask at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anybody (W16: a closed list).
    Public,
    /// A signed-in account, whatever the hostel.
    Account,
    /// A signed-in account; a hostel that is named must be theirs.
    HostelOptional,
    /// A signed-in member of the hostel that the header names.
    Hostel,
}

/// Whether the caller must say which version of the record they saw (W7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IfMatch {
    /// The operation has no version.
    None,
    /// It may be sent, and is then checked.
    Optional,
    /// Without it the answer is 428.
    Required,
}

/// Which quota a request counts against (J5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LimitClass {
    /// By its method.
    General,
    /// Signing in.
    Login,
    /// Making an account.
    Register,
    /// Asking for a reset code.
    ForgotPassword,
    /// Trying a code.
    VerifyOtp,
    /// Asking for another code.
    ResendOtp,
    /// Asking for a bed.
    CreateBooking,
    /// Beginning to pay.
    InitializePayment,
    /// Not counted: health, documentation, and what payment gateways tell.
    Exempt,
}

/// How an answer is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CacheClass {
    /// Never.
    None,
    /// The room list: five minutes, or until a room changes; with dates also until a stay changes.
    Rooms,
    /// One room: five minutes, or until it changes.
    Room,
    /// One's own account: an hour, or until it, a membership or a hostel changes.
    Profile,
    /// Settings: a day, or until they change.
    Settings,
    /// Feature flags: a day, or until they change.
    Flags,
}

/// Where the path hangs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mount {
    /// Under `/api`, in every version.
    Api,
    /// At the root, without version or envelope.
    Root,
}

/// How a body is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyKind {
    /// As a JSON object.
    Json,
    /// Not at all: byte by byte as it came, whatever it says it is. Its signature is over those bytes.
    Raw,
    /// As a form of a page, `application/x-www-form-urlencoded`.
    Form,
}
