//! A disk in memory whose power can be cut, and that can fail.

use super::chance::Chance;
use redb::StorageBackend;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

/// Pieces that a disk writes whole.
const SECTOR: usize = 512;

enum Op {
    Write(u64, Vec<u8>),
    Length(u64),
}
/// What goes wrong, after so many writes, syncs and changes of length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The power goes: nothing works any more.
    Power,
    /// This one operation fails, once; later ones work.
    Once,
}
struct State {
    /// What survives for certain.
    stable: Vec<u8>,
    /// What is read.
    view: Vec<u8>,
    /// What was done since the last sync.
    unsynced: Vec<Op>,
    fault: Option<(u64, Fault)>,
    is_off: bool,
    faults: u64,
    chance: Chance,
}
#[derive(Clone)]
pub struct Disk(Arc<Mutex<State>>);
impl std::fmt::Debug for Disk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Disk")
    }
}

impl Disk {
    pub fn new(image: Vec<u8>, seed: u64) -> Self {
        Self(Arc::new(Mutex::new(State {
            stable: image.clone(),
            view: image,
            unsynced: Vec::new(),
            fault: None,
            is_off: false,
            faults: 0,
            chance: Chance::new(seed),
        })))
    }
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }
    /// Lets something go wrong at an operation that is so many away.
    pub fn set_fault(&self, after: u64, fault: Fault) {
        self.state().fault = Some((after, fault));
    }
    /// How often something has gone wrong.
    pub fn faults(&self) -> u64 {
        self.state().faults
    }
    /// What is read: as after kill -9.
    pub fn view(&self) -> Vec<u8> {
        self.state().view.clone()
    }
    /// Cuts the power; what is there when it is back.
    pub fn cut(&self) -> Vec<u8> {
        let mut state = self.state();
        state.is_off = true;
        let State { stable, unsynced, chance, .. } = &mut *state;
        survive(stable, unsynced, chance)
    }
}
impl State {
    /// Counts an operation; true: it fails.
    fn fails(&mut self) -> bool {
        if self.is_off {
            return true;
        }
        match &mut self.fault {
            Some((0, fault)) => {
                self.is_off = *fault == Fault::Power;
                self.fault = None;
                self.faults += 1;
                true
            }
            Some((left, _)) => {
                *left -= 1;
                false
            }
            None => false,
        }
    }
}

fn eio() -> io::Error {
    io::Error::other("a simulated fault")
}
fn write(image: &mut Vec<u8>, offset: usize, data: &[u8], grows: bool) {
    if grows && image.len() < offset + data.len() {
        image.resize(offset + data.len(), 0);
    }
    let end = image.len().min(offset + data.len());
    if offset < end {
        image[offset..end].copy_from_slice(&data[..end - offset]);
    }
}
/// The stable image with some of what was not synced: whole, by sectors or by bytes, in order or not.
fn survive(stable: &[u8], unsynced: &[Op], chance: &mut Chance) -> Vec<u8> {
    let mut image = stable.to_vec();
    let how = chance.below(6);
    let odds = [1, 8, 16, 24, 31, 32][chance.below(6) as usize];
    let grows = chance.one_in(2);
    let mut pieces: Vec<(usize, Option<&[u8]>)> = Vec::new();
    for op in unsynced {
        match op {
            Op::Length(length) => pieces.push((*length as usize, None)),
            Op::Write(offset, data) => {
                let offset = *offset as usize;
                match how {
                    // sectors of the disk, not of the write
                    2 | 3 => {
                        let mut at = 0;
                        while at < data.len() {
                            let end = data.len().min(at + SECTOR - (offset + at) % SECTOR);
                            pieces.push((offset + at, Some(&data[at..end])));
                            at = end;
                        }
                    }
                    4 => {
                        let (one, two) = data.split_at(chance.below(data.len() as u64 + 1) as usize);
                        pieces.push((offset, Some(one)));
                        pieces.push((offset + one.len(), Some(two)));
                    }
                    _ => pieces.push((offset, Some(data))),
                }
            }
        }
    }
    match how {
        // nothing at all
        0 => pieces.clear(),
        // up to some moment
        1 => pieces.truncate(chance.below(pieces.len() as u64 + 1) as usize),
        _ => pieces.retain(|_| chance.below(32) < odds),
    }
    if chance.one_in(2) {
        for index in (1..pieces.len()).rev() {
            pieces.swap(index, chance.below(index as u64 + 1) as usize);
        }
    }
    for (at, data) in pieces {
        match data {
            Some(data) => write(&mut image, at, data, grows),
            None => image.resize(at, 0),
        }
    }
    image
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        let state = self.state();
        if state.is_off { Err(eio()) } else { Ok(state.view.len() as u64) }
    }
    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let state = self.state();
        if state.is_off {
            return Err(eio());
        }
        let found = state.view.get(offset as usize..offset as usize + out.len());
        out.copy_from_slice(found.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut state = self.state();
        let was_off = state.is_off;
        let fails = state.fails();
        if !was_off && (!fails || state.chance.one_in(2)) {
            state.unsynced.push(Op::Length(len));
            state.view.resize(len as usize, 0);
        }
        if fails { Err(eio()) } else { Ok(()) }
    }
    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.state();
        let was_off = state.is_off;
        if !state.fails() {
            let State { stable, unsynced, .. } = &mut *state;
            for op in unsynced.drain(..) {
                match op {
                    Op::Write(offset, data) => write(stable, offset as usize, &data, true),
                    Op::Length(length) => stable.resize(length as usize, 0),
                }
            }
            return Ok(());
        }
        if !was_off {
            // the system takes what it could not write for clean: it is never written
            let State { stable, unsynced, chance, .. } = &mut *state;
            let image = survive(stable, unsynced, chance);
            state.stable = image;
            state.unsynced.clear();
        }
        Err(eio())
    }
    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut state = self.state();
        let was_off = state.is_off;
        let fails = state.fails();
        if was_off {
            return Err(eio());
        }
        let part = if fails { state.chance.below(data.len() as u64 + 1) as usize } else { data.len() };
        state.unsynced.push(Op::Write(offset, data[..part].to_vec()));
        write(&mut state.view, offset as usize, &data[..part], true);
        if fails { Err(eio()) } else { Ok(()) }
    }
}
