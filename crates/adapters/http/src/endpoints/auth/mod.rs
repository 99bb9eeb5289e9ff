//! Registering, signing in, staying signed in, getting back in (J4a, J4b, J4c, A1).

pub(crate) mod forgot_password;
pub(crate) mod login;
pub(crate) mod logout;
pub(crate) mod me;
pub(crate) mod password;
pub(crate) mod refresh_token;
pub(crate) mod register;
pub(crate) mod resend_otp;
pub(crate) mod reset_password;
pub(crate) mod sessions;
pub(crate) mod verify_otp;
pub(crate) mod ws_ticket;
