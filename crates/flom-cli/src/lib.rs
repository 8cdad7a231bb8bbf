//! Command lines of flom and flomd: options, help, messages, exit statuses.

#![forbid(unsafe_code)]
