//! Checks the pages of an LMDB file before LMDB maps it: LMDB trusts page numbers, offsets and sizes, and a wrong
//! one takes the process down. Knows the layout of data version 1 on 64-bit little-endian machines.

mod meta;

use meta::{DB_BYTES, Db, Meta, newest, read_db};
use std::collections::HashSet;

/// A file to be checked.
pub trait Pages {
    /// Its length.
    fn bytes(&self) -> u64;
    /// Reads exactly so many bytes; false when it cannot.
    fn read(&mut self, at: u64, into: &mut [u8]) -> bool;
}

const HEADER: usize = 16;
const NODE: usize = 8;
const BRANCH: usize = 1;
const LEAF: usize = 2;
const OVERFLOW: usize = 4;
const BIG: usize = 1;
const SUB: usize = 2;
const NO_ROOT: u64 = u64::MAX;
const MAX_DEPTH: usize = 32;
const MAX_KEY: usize = 511;

type Checked<T> = Result<T, String>;

/// Walks the newest snapshot: its free list and every tree, whose names must be among `names`. The error says what
/// is wrong, for people.
pub fn check(file: &mut dyn Pages, names: &[&str]) -> Checked<()> {
    let meta = newest(file)?;
    let file_pages = file.bytes() / meta.page_bytes as u64;
    // a file may end before its last page when that one is free, but not by much
    if meta.last_page < 1 || meta.last_page > file_pages.saturating_add(1 << 20) {
        return Err(format!("its last page is {} of {file_pages}", meta.last_page));
    }
    let words = usize::try_from(meta.last_page / 64 + 1).map_err(|_| "it is too large".to_owned())?;
    let mut seen = vec![0; words];
    if let Some(first) = seen.first_mut() {
        *first = 3; // the meta pages
    }
    let mut walk = Walk { file, meta, file_pages, seen };
    walk.tree(meta.free, Kind::Free)?;
    let found = walk.tree(meta.main, Kind::Names)?;
    let mut named = HashSet::new();
    for (name, db) in found {
        if !names.iter().any(|known| known.as_bytes() == name) || !named.insert(name) {
            return Err("it holds a table that is not ours".into());
        }
        walk.tree(db, Kind::Table)?;
    }
    Ok(())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Free,
    Names,
    Table,
}

fn number(bytes: &[u8], at: usize, width: usize) -> Checked<u64> {
    let found = at.checked_add(width).and_then(|end| bytes.get(at..end));
    let found = found.ok_or_else(|| "a page is cut short".to_owned())?;
    Ok(found.iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte)))
}
fn short(bytes: &[u8], at: usize) -> Checked<usize> {
    Ok(number(bytes, at, 2)? as usize)
}

struct Walk<'a> {
    file: &'a mut dyn Pages,
    meta: Meta,
    file_pages: u64,
    seen: Vec<u64>,
}
/// What a tree turned out to hold: branch, leaf and overflow pages, entries.
#[derive(Default)]
struct Found {
    counts: [u64; 4],
    tables: Vec<(Vec<u8>, Db)>,
    last_key: Option<Vec<u8>>,
}
/// A node's place in its page.
struct Node {
    key: std::ops::Range<usize>,
    data_bytes: usize,
    flags: usize,
    end: usize,
}

impl Walk<'_> {
    /// Marks a page as used; each belongs to one tree, once.
    fn mark(&mut self, page: u64) -> Checked<()> {
        let word = usize::try_from(page / 64).ok().and_then(|index| self.seen.get_mut(index));
        let Some(word) = word.filter(|_| page <= self.meta.last_page) else {
            return Err(format!("page {page} is beyond the last"));
        };
        let bit = 1 << (page % 64);
        if *word & bit != 0 {
            return Err(format!("page {page} is used twice"));
        }
        *word |= bit;
        Ok(())
    }
    fn page(&mut self, page: u64, bytes: &mut [u8]) -> Checked<()> {
        let at = page.checked_mul(self.meta.page_bytes as u64);
        let is_read = page < self.file_pages && at.is_some_and(|at| self.file.read(at, bytes));
        if is_read && number(bytes, 0, 8)? == page {
            return Ok(());
        }
        Err(format!("page {page} is not there"))
    }
    fn tree(&mut self, db: Db, kind: Kind) -> Checked<Vec<(Vec<u8>, Db)>> {
        if kind == Kind::Table && (db.flags != 0 || db.pad != 0) {
            return Err("a table has flags that are not ours".into());
        }
        let mut found = Found::default();
        if db.root == NO_ROOT {
            if db.depth != 0 {
                return Err("a table without a root has pages".into());
            }
        } else if db.depth == 0 || db.depth > MAX_DEPTH {
            return Err(format!("a table is {} pages deep", db.depth));
        } else {
            self.subtree(db.root, db.depth, kind, &mut found, &[], None)?;
        }
        if found.counts != db.counts {
            return Err("a table has lost pages or entries".into());
        }
        Ok(found.tables)
    }
    /// One page and what hangs below it. Keys lie from `least` up to, not including, `below`.
    fn subtree(
        &mut self,
        page: u64,
        depth: usize,
        kind: Kind,
        found: &mut Found,
        least: &[u8],
        below: Option<&[u8]>,
    ) -> Checked<()> {
        self.mark(page)?;
        let mut bytes = vec![0; self.meta.page_bytes];
        self.page(page, &mut bytes)?;
        let is_leaf = depth == 1;
        if short(&bytes, 10)? != if is_leaf { LEAF } else { BRANCH } {
            return Err(format!("page {page} is of the wrong kind"));
        }
        let nodes = self.nodes(page, &bytes, is_leaf)?;
        let wrong_order = || format!("the keys of page {page} are out of order");
        if is_leaf {
            add(found, 1, 1);
            add(found, 3, nodes.len() as u64);
            for node in &nodes {
                let key = ordered(bytes.get(node.key.clone()).unwrap_or(&[]), kind)?;
                let is_above = found.last_key.as_ref().is_none_or(|last| *last < key);
                if !is_above || &key[..] < least || below.is_some_and(|below| &key[..] >= below) {
                    return Err(wrong_order());
                }
                found.last_key = Some(key);
                self.leaf(&bytes, node, kind, found)?;
            }
            return Ok(());
        }
        add(found, 0, 1);
        let mut children = Vec::with_capacity(nodes.len());
        for (index, node) in nodes.iter().enumerate() {
            // the first child of a branch stands for all that is less than the second's key; its own key says nothing
            let key = match index {
                0 => least.to_vec(),
                _ => ordered(bytes.get(node.key.clone()).unwrap_or(&[]), kind)?,
            };
            let header = node.key.start - NODE;
            let child = number(&bytes, header, 4)? | number(&bytes, header + 4, 2)? << 32;
            children.push((key, child));
        }
        drop(bytes);
        for (index, (key, child)) in children.iter().enumerate() {
            let next = children.get(index + 1).map(|(key, _)| &key[..]);
            if key[..] < *least || next.or(below).is_some_and(|next| *next <= key[..] && index > 0) {
                return Err(wrong_order());
            }
            self.subtree(*child, depth - 1, kind, found, key, next.or(below))?;
        }
        Ok(())
    }
    /// The nodes of a page; they must fill it from their lowest to its end, each once.
    fn nodes(&self, page: u64, bytes: &[u8], is_leaf: bool) -> Checked<Vec<Node>> {
        let damaged = || format!("the nodes of page {page} do not fit");
        let (lower, upper) = (short(bytes, 12)?, short(bytes, 14)?);
        if lower < HEADER + 2 || lower % 2 != 0 || upper < lower || upper > bytes.len() {
            return Err(damaged());
        }
        let mut nodes = Vec::with_capacity((lower - HEADER) / 2);
        for at in (HEADER..lower).step_by(2) {
            let start = short(bytes, at)?;
            let flags = if is_leaf { short(bytes, start + 4)? } else { 0 };
            let key_bytes = short(bytes, start + 6)?;
            let data_bytes = if is_leaf { number(bytes, start, 4)? as usize } else { 0 };
            let in_page = if flags & BIG != 0 { 8 } else { data_bytes };
            let key = start + NODE..start + NODE + key_bytes;
            let end = key.end.saturating_add(in_page);
            if start < upper || start % 2 != 0 || end > bytes.len() || key_bytes > MAX_KEY {
                return Err(damaged());
            }
            nodes.push(Node { key, data_bytes, flags, end: end + end % 2 });
        }
        let mut spans: Vec<_> = nodes.iter().map(|node| (node.key.start - NODE, node.end)).collect();
        spans.sort_unstable();
        let filled = spans.iter().try_fold(upper, |at, (start, end)| (*start == at).then_some(*end));
        if filled != Some(bytes.len()) {
            return Err(damaged());
        }
        Ok(nodes)
    }
    fn leaf(&mut self, bytes: &[u8], node: &Node, kind: Kind, found: &mut Found) -> Checked<()> {
        let allowed = if kind == Kind::Names { node.flags == SUB } else { node.flags & !BIG == 0 };
        if !allowed {
            return Err("an entry has flags that are not ours".into());
        }
        let mut data = None;
        if node.flags & BIG != 0 {
            data = Some(self.overflow(number(bytes, node.key.end, 8)?, node.data_bytes, kind, found)?);
        }
        match kind {
            Kind::Table => Ok(()),
            Kind::Names if node.data_bytes == DB_BYTES => {
                let name = bytes.get(node.key.clone()).unwrap_or(&[]).to_vec();
                found.tables.push((name, read_db(bytes, node.key.end)?));
                Ok(())
            }
            Kind::Names => Err("a table's entry has the wrong size".into()),
            Kind::Free => match data {
                Some(data) => self.free(&data),
                None => self.free(bytes.get(node.key.end..node.key.end + node.data_bytes).unwrap_or(&[])),
            },
        }
    }
    /// A run of pages with one value; its bytes are only read when the walk needs them.
    fn overflow(&mut self, page: u64, data_bytes: usize, kind: Kind, found: &mut Found) -> Checked<Vec<u8>> {
        let mut head = [0; HEADER];
        self.page(page, &mut head)?;
        let pages = ((HEADER - 1 + data_bytes) / self.meta.page_bytes + 1) as u64;
        // a value that has shrunk keeps its pages
        let held = number(&head, 12, 4)?;
        if short(&head, 10)? != OVERFLOW || held < pages || page.saturating_add(held) > self.file_pages {
            return Err(format!("the value at page {page} is not whole"));
        }
        (page..page + held).try_for_each(|page| self.mark(page))?;
        add(found, 2, held);
        if kind != Kind::Free {
            return Ok(Vec::new());
        }
        let mut data = vec![0; data_bytes];
        if self.file.read(page * self.meta.page_bytes as u64 + HEADER as u64, &mut data) {
            return Ok(data);
        }
        Err(format!("the value at page {page} is not whole"))
    }
    /// A list of free pages: how many, then their numbers, falling.
    fn free(&mut self, list: &[u8]) -> Checked<()> {
        let length = number(list, 0, 8)?;
        if length
            .checked_add(1)
            .and_then(|all| all.checked_mul(8))
            .is_none_or(|bytes| bytes > list.len() as u64)
        {
            return Err("a list of free pages is cut short".into());
        }
        let mut last = u64::MAX;
        for index in 1..=length as usize {
            let page = number(list, index * 8, 8)?;
            if page >= last {
                return Err("a list of free pages is out of order".into());
            }
            last = page;
            self.mark(page)?;
        }
        Ok(())
    }
}
fn add(found: &mut Found, which: usize, pages: u64) {
    if let Some(count) = found.counts.get_mut(which) {
        *count = count.saturating_add(pages);
    }
}
/// A key as it sorts: those of the free list are numbers.
fn ordered(key: &[u8], kind: Kind) -> Checked<Vec<u8>> {
    match kind {
        Kind::Free if key.len() != 8 => Err("a list of free pages has no number".into()),
        Kind::Free => Ok(key.iter().rev().copied().collect()),
        _ => Ok(key.to_vec()),
    }
}

#[cfg(test)]
#[path = "pages_tests.rs"]
mod tests;
