//! Registering, signing in, sessions.

use actix_web::web;
use domicile_access::{
    SessionView,
    usecases::{
        own::{ChangePassword, SessionsEndedView, SocketTicketView},
        sign_in::{
            AskForCode, CodeSentView, Login, PasswordResetView, Refresh, RefreshedView, Register, RegisteredView,
            ResetPassword, SignedInView, VerifiedView, VerifyOtp,
        },
    },
};

use crate::{
    Nothing,
    endpoints::auth::{
        forgot_password, login, logout, me, password, refresh_token, register, resend_otp, reset_password, sessions,
        verify_otp, ws_ticket,
    },
    operation::{Access, LimitClass, Operation},
};

const TAG: &str = "Sign-in";

pub(super) fn rows() -> Vec<Operation> {
    vec![
        Operation::post("auth.register", "/auth/register", TAG, "Make an account", || {
            web::route().to(register::handle)
        })
        .access(Access::Public)
        .limited(LimitClass::Register)
        .takes::<Register>()
        .answers::<RegisteredView>()
        .status(201),
        Operation::post("auth.login", "/auth/login", TAG, "Sign in", || web::route().to(login::handle))
            .access(Access::Public)
            .limited(LimitClass::Login)
            .takes::<Login>()
            .answers::<SignedInView>(),
        Operation::post("auth.verify_otp", "/auth/verify-otp", TAG, "Prove an address with a code", || {
            web::route().to(verify_otp::handle)
        })
        .access(Access::Public)
        .limited(LimitClass::VerifyOtp)
        .takes::<VerifyOtp>()
        .answers::<VerifiedView>(),
        Operation::post("auth.resend_otp", "/auth/resend-otp", TAG, "Ask for another code", || {
            web::route().to(resend_otp::handle)
        })
        .access(Access::Public)
        .limited(LimitClass::ResendOtp)
        .takes::<AskForCode>()
        .answers::<CodeSentView>(),
        Operation::post(
            "auth.forgot_password",
            "/auth/forgot-password",
            TAG,
            "Ask for a code to choose a new password",
            || web::route().to(forgot_password::handle),
        )
        .access(Access::Public)
        .limited(LimitClass::ForgotPassword)
        .takes::<AskForCode>()
        .answers::<CodeSentView>(),
        Operation::post(
            "auth.reset_password",
            "/auth/reset-password",
            TAG,
            "Choose a new password with a code",
            || web::route().to(reset_password::handle),
        )
        .access(Access::Public)
        .limited(LimitClass::VerifyOtp)
        .takes::<ResetPassword>()
        .answers::<PasswordResetView>(),
        Operation::post("auth.refresh", "/auth/refresh-token", TAG, "Get the next pair of tokens", || {
            web::route().to(refresh_token::handle)
        })
        .access(Access::Public)
        .takes::<Refresh>()
        .answers::<RefreshedView>(),
        Operation::post("auth.logout", "/auth/logout", TAG, "End this session", || web::route().to(logout::handle))
            .access(Access::Account)
            .takes::<Nothing>(),
        Operation::get("auth.me", "/auth/me", TAG, "Who is signed in", || web::route().to(me::handle))
            .access(Access::HostelOptional)
            .answers::<me::MeResponse>(),
        Operation::get("auth.sessions.list", "/auth/sessions", TAG, "Where one is signed in", || {
            web::route().to(sessions::list::handle)
        })
        .access(Access::Account)
        .answers_many::<SessionView>(),
        Operation::delete("auth.sessions.revoke", "/auth/sessions/{id}", TAG, "End one of one's sessions", || {
            web::route().to(sessions::revoke::handle)
        })
        .access(Access::Account),
        Operation::delete(
            "auth.sessions.revoke_others",
            "/auth/sessions",
            TAG,
            "End every session but this one",
            || web::route().to(sessions::revoke_others::handle),
        )
        .access(Access::Account)
        .answers::<SessionsEndedView>(),
        Operation::put("auth.password", "/auth/password", TAG, "Change the password", || {
            web::route().to(password::handle)
        })
        .access(Access::Account)
        .takes::<ChangePassword>()
        .answers::<SessionsEndedView>(),
        Operation::post("auth.ws_ticket", "/auth/ws-ticket", TAG, "Get a ticket that opens one socket", || {
            web::route().to(ws_ticket::handle)
        })
        .access(Access::Account)
        .takes::<Nothing>()
        .answers::<SocketTicketView>(),
    ]
}
