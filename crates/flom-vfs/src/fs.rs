//! The requests of the system, answered from the gallery.
//!
//! The system keeps nothing of what it is told: each look is a look at the daemon.

use std::ffi::OsStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, UNIX_EPOCH};

use flom_status::Numbered;
use fuser::{
    Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags, Generation, INodeNo, LockOwner,
    OpenFlags, ReplyAttr, ReplyData, ReplyDirectory, ReplyEmpty, ReplyEntry, ReplyOpen,
    ReplyStatfs, ReplyXattr, Request,
};

use crate::gallery::Gallery;
use crate::node::Node;
use crate::tree::Facts;

/// How long the system may believe what it is told.
const TRUE_FOR: Duration = Duration::ZERO;

/// Inodes are not used again, so one generation is enough.
const GENERATION: Generation = Generation(0);

/// Bytes of the longest name; none here is nearly as long.
const NAME_BYTES: u32 = 255;

/// The file system.
pub(crate) struct Fs<V> {
    gallery: Mutex<Gallery<V>>,
    owner: Owner,
}

/// To whom everything in it belongs.
#[derive(Clone, Copy)]
pub(crate) struct Owner {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

impl<V: FnMut() -> Option<Arc<Numbered>>> Fs<V> {
    pub(crate) fn new(gallery: Gallery<V>, owner: Owner) -> Self {
        Self {
            gallery: Mutex::new(gallery),
            owner,
        }
    }

    /// One request is answered at a time, so nobody waits here.
    fn gallery(&self) -> MutexGuard<'_, Gallery<V>> {
        self.gallery.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Owner {
    fn attributes(self, facts: &Facts) -> FileAttr {
        let is_directory = facts.node.is_directory();
        FileAttr {
            ino: INodeNo(facts.node.inode()),
            size: facts.size,
            blocks: 0,
            atime: UNIX_EPOCH,
            mtime: facts.changed,
            ctime: facts.created,
            crtime: facts.created,
            kind: kind(facts.node),
            perm: if is_directory { 0o550 } else { 0o440 },
            nlink: if is_directory { 2 } else { 1 },
            uid: self.uid,
            gid: self.gid,
            rdev: 0,
            blksize: 4096,
            flags: 0,
        }
    }
}

fn kind(node: Node) -> FileType {
    match node.is_directory() {
        true => FileType::Directory,
        false => FileType::RegularFile,
    }
}

impl<V: FnMut() -> Option<Arc<Numbered>> + Send + 'static> Filesystem for Fs<V> {
    fn lookup(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let facts = name
            .to_str()
            .and_then(|name| self.gallery().find(parent.0, name));
        match facts {
            Some(facts) => reply.entry(&TRUE_FOR, &self.owner.attributes(&facts), GENERATION),
            None => reply.error(Errno::ENOENT),
        }
    }

    fn getattr(&self, _: &Request, inode: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        match self.gallery().facts(inode.0) {
            Some(facts) => reply.attr(&TRUE_FOR, &self.owner.attributes(&facts)),
            None => reply.error(Errno::ENOENT),
        }
    }

    fn open(&self, _: &Request, inode: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        match self.gallery().open_file(inode.0) {
            // Around the system's cache, which knows a size from another moment.
            Some(handle) => reply.opened(FileHandle(handle), FopenFlags::FOPEN_DIRECT_IO),
            None => reply.error(Errno::ENOENT),
        }
    }

    fn read(
        &self,
        _: &Request,
        _: INodeNo,
        handle: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        match self.gallery().read(handle.0, offset, size) {
            Some(bytes) => reply.data(bytes),
            None => reply.error(Errno::EBADF),
        }
    }

    fn flush(&self, _: &Request, _: INodeNo, _: FileHandle, _: LockOwner, reply: ReplyEmpty) {
        reply.ok();
    }

    fn release(
        &self,
        _: &Request,
        _: INodeNo,
        handle: FileHandle,
        _: OpenFlags,
        _: Option<LockOwner>,
        _: bool,
        reply: ReplyEmpty,
    ) {
        self.gallery().close(handle.0);
        reply.ok();
    }

    fn opendir(&self, _: &Request, inode: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        match self.gallery().open_directory(inode.0) {
            Some(handle) => reply.opened(FileHandle(handle), FopenFlags::empty()),
            None => reply.error(Errno::ENOENT),
        }
    }

    fn readdir(
        &self,
        _: &Request,
        _: INodeNo,
        handle: FileHandle,
        offset: u64,
        mut reply: ReplyDirectory,
    ) {
        let mut gallery = self.gallery();
        let skip = usize::try_from(offset).unwrap_or(usize::MAX);
        let Some(entries) = gallery.list(handle.0, skip) else {
            return reply.error(Errno::EBADF);
        };
        for ((name, node), next) in entries.iter().zip(offset.saturating_add(1)..) {
            if reply.add(INodeNo(node.inode()), next, kind(*node), name) {
                break; // it is full
            }
        }
        reply.ok();
    }

    fn releasedir(
        &self,
        _: &Request,
        _: INodeNo,
        handle: FileHandle,
        _: OpenFlags,
        reply: ReplyEmpty,
    ) {
        self.gallery().close(handle.0);
        reply.ok();
    }

    fn statfs(&self, _: &Request, _: INodeNo, reply: ReplyStatfs) {
        reply.statfs(0, 0, 0, 0, 0, 0, NAME_BYTES, 0);
    }

    fn getxattr(&self, _: &Request, _: INodeNo, _: &OsStr, _: u32, reply: ReplyXattr) {
        reply.error(Errno::ENOSYS);
    }

    fn listxattr(&self, _: &Request, _: INodeNo, _: u32, reply: ReplyXattr) {
        reply.error(Errno::ENOSYS);
    }
}
