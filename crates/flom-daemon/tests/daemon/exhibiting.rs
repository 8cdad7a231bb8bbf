//! Looking at what a daemon keeps from another thread of its process.

use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use flom_daemon::{Daemon, Window};
use flom_settings::Settings;
use flom_status::Numbered;

use crate::harness::{Client, Directory, join, serve};

/// A daemon that is not served yet.
fn daemon(directory: &Directory) -> Daemon {
    let mut settings = Settings::default();
    settings.daemon.socket_name = Some(directory.join("socket"));
    settings.daemon.lifespan_ms = -1;
    Daemon::open(&settings).unwrap()
}

fn end(directory: &Directory) {
    let mut client = Client::connect(&directory.join("socket"));
    client.say(&crate::harness::shutdown(true));
}

/// Looks until there is another view than before.
fn look(window: &mut Window) -> Arc<Numbered> {
    loop {
        if let Some(view) = window.look() {
            return view;
        }
    }
}

/// Each resource: its name, its number, how many hold it and how many wait.
fn shown(view: &Numbered) -> Vec<(String, u64, usize, usize)> {
    let resources = view.view().snapshot().resources.iter();
    let show = |(resource, number): (&flom_core::snapshot::Resource, &u64)| {
        let (holders, waiters) = (resource.holders.len(), resource.waiters.len());
        (resource.name.to_string(), *number, holders, waiters)
    };
    resources.zip(view.numbers()).map(show).collect()
}

#[test]
fn a_look_shows_what_is_kept_by_then_and_numbers_stay() {
    let directory = Directory::new();
    let mut daemon = daemon(&directory);
    let (sender, receiver) = channel();
    let put_up = |window| {
        sender.send(window).unwrap();
        Ok(Box::new(|| Ok(())) as flom_daemon::TakeDown)
    };
    daemon.exhibit("nowhere", put_up).unwrap();
    let thread = serve(daemon);
    let mut window = receiver.recv().unwrap();
    let client = || Client::connect(&directory.join("socket"));
    let (mut holder, mut waiter, mut other) = (client(), client(), client());
    holder.lock("db", 0);
    let first = shown(&look(&mut window));
    let (name, number, ..) = first[0].clone();
    assert_eq!(first, [("db".to_owned(), number, 1, 0)]);
    waiter.lock("db", 1);
    other.lock("a", 0);
    let second = shown(&look(&mut window));
    let newcomer = second[0].1;
    assert_eq!(
        second,
        [("a".to_owned(), newcomer, 1, 0), (name, number, 1, 1)]
    );
    assert!(newcomer > number);
    end(&directory);
    join(thread);
    assert!(window.look().is_none());
}

#[test]
fn it_is_taken_down_before_the_socket_goes_and_nobody_waits_for_a_view_then() {
    let directory = Directory::new();
    let mut daemon = daemon(&directory);
    let (sender, receiver) = channel();
    let socket = directory.join("socket");
    let put_up = |mut window: Window| {
        let take_down = move || {
            let began = Instant::now();
            let seen = window.look().is_some();
            let facts = (seen, socket.exists(), began.elapsed());
            sender.send(facts).unwrap();
            Err("it is stuck".into())
        };
        Ok(Box::new(take_down) as flom_daemon::TakeDown)
    };
    daemon.exhibit("nowhere", put_up).unwrap();
    let thread = serve(daemon);
    end(&directory);
    let (seen, exists, took) = receiver.recv().unwrap();
    join(thread);
    assert_eq!((seen, exists), (false, true));
    assert!(took < Duration::from_millis(900), "{took:?}");
    assert!(!directory.join("socket").exists());
}

#[test]
fn what_cannot_be_put_up_keeps_nobody_from_locking() {
    let directory = Directory::new();
    let mut daemon = daemon(&directory);
    let failed = daemon.exhibit("nowhere", |_| Err("there is no nowhere".into()));
    assert_eq!(
        failed.unwrap_err().to_string(),
        "nothing is shown at nowhere: there is no nowhere"
    );
    let thread = serve(daemon);
    Client::connect(&directory.join("socket")).lock("db", 0);
    end(&directory);
    join(thread);
}
