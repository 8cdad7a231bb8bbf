//! What may be done with the types of the library is part of its interface: checked by the compiler.

use std::mem::size_of;
use std::panic::{RefUnwindSafe, UnwindSafe};

use flom_client::{
    Client, ClientBuilder, ConfigError, ConnectError, Discovery, Guard, LockError, LockLost,
    OnDrop, Pending, Progress, ReleaseError, Request, ResourceNameError, Session, StartError, Wait,
};

const fn is_an_error<T: std::error::Error + Send + Sync + 'static>() {}
const fn goes_anywhere<T: Send + Sync + UnwindSafe + RefUnwindSafe + Unpin + 'static>() {}

const _: () = {
    goes_anywhere::<Client>();
    goes_anywhere::<ClientBuilder>();
    goes_anywhere::<Discovery>();
    goes_anywhere::<Request>();
    goes_anywhere::<Session>();
    goes_anywhere::<Pending>();
    goes_anywhere::<Guard>();
    goes_anywhere::<Wait>();
    goes_anywhere::<OnDrop>();
    goes_anywhere::<Progress>();
    is_an_error::<ConfigError>();
    is_an_error::<ConnectError>();
    is_an_error::<StartError>();
    is_an_error::<LockError>();
    is_an_error::<LockLost>();
    is_an_error::<ReleaseError>();
    is_an_error::<ResourceNameError>();
    // A result is moved around a lot.
    assert!(size_of::<LockError>() <= 128);
    assert!(size_of::<ReleaseError>() <= 64);
};

#[test]
fn the_compiler_has_checked_it() {
    assert!(size_of::<Wait>() <= 16);
}
