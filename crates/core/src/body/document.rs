//! A text with its index: where each value is, with the children of each object and array side by side, so that a
//! step of a pointer is an array access or a look into a hash table.

use super::edit::{self, Edit};
use super::pointer::{Pointer, index, same_key};
use super::scan::{Sink, decoded, scan};
use super::{Limits, Proto, is_blank, utf8};
use crate::error::{Error, Kind};
use std::collections::HashSet;
use std::hash::{DefaultHasher, Hasher};
use std::ops::Range;

/// Objects with more members than this are looked up by hash.
const FEW_MEMBERS: usize = 16;

/// A value, or the key before it. Eight bytes each: an index of a text of numbers stays in proportion to it.
#[derive(Debug, Clone, Copy, Default)]
struct Node {
    /// First byte; of a key, the one behind its quote.
    start: u32,
    /// End of a scalar or key; place in `containers` of an object or array.
    link: u32,
}

#[derive(Debug, Clone, Copy)]
struct Container {
    end: u32,
    /// Its children in `nodes`: elements, or keys and values in turn.
    first: u32,
    nodes: u32,
    /// Where its slots start in `slots`, or `NO_TABLE`.
    table: u32,
}
const NO_TABLE: u32 = u32::MAX;

/// An object or array, for those who walk a document.
#[derive(Debug, Clone, Copy)]
pub(super) struct Group {
    pub object: bool,
    first: u32,
    nodes: u32,
}
impl Group {
    pub fn len(&self) -> usize {
        self.nodes as usize / if self.object { 2 } else { 1 }
    }
}

/// A place in a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct At(u32);

/// A checked text and its index.
#[derive(Debug)]
pub struct Document {
    text: Vec<u8>,
    nodes: Vec<Node>,
    containers: Vec<Container>,
    /// Open-addressed tables of member numbers plus one; 0 is free.
    slots: Vec<u32>,
    root: Node,
    seed: u64,
}

impl Document {
    /// Checks a text and builds its index. A blank text is an error here: what it means is the intake's business.
    /// The seed keeps senders from choosing keys that collide in the tables.
    pub fn parse(text: Vec<u8>, limits: &Limits, seed: u64) -> Result<Self, Error> {
        if text.len() >= NO_TABLE as usize {
            return Err(Error::new(Kind::BodyTooLarge)
                .with("limit", NO_TABLE as usize)
                .with("received", text.len()));
        }
        utf8(&text)?;
        let mut builder = Builder { text: &text, seed, ..Builder::default() };
        builder.nodes.reserve(text.len() / 64);
        scan(&text, limits, &mut builder).map_err(|fault| fault.locate(&text))?;
        if !builder.removed.is_empty() {
            let removed = std::mem::take(&mut builder.removed);
            let text = edit::apply(&text, edit::outermost(removed));
            let text = if is_blank(&text) { b"{}".to_vec() } else { text };
            return Self::parse(text, &Limits { proto: Proto::Ignore, ..limits.clone() }, seed);
        }
        let root = builder.pending.first().copied().unwrap_or_default();
        let Builder { mut nodes, mut containers, mut slots, .. } = builder;
        nodes.shrink_to_fit();
        containers.shrink_to_fit();
        slots.shrink_to_fit();
        Ok(Self { text, nodes, containers, slots, root, seed })
    }

    /// The whole text.
    pub fn text(&self) -> &[u8] {
        &self.text
    }
    /// Bytes of memory, text and index.
    pub fn size(&self) -> usize {
        self.text.capacity()
            + self.nodes.capacity() * size_of::<Node>()
            + self.containers.capacity() * size_of::<Container>()
            + self.slots.capacity() * size_of::<u32>()
    }
    /// Where the value is, if it is there. The last of duplicate keys counts.
    pub fn find(&self, pointer: &Pointer) -> Option<Range<usize>> {
        Some(self.range(self.resolve(pointer.tokens())?))
    }
    /// Elements or members (equal keys count once); `None` for what is neither.
    pub fn length(&self, pointer: &Pointer) -> Option<usize> {
        let group = self.group(self.resolve(pointer.tokens())?)?;
        if !group.object {
            return Some(group.len());
        }
        let keys: HashSet<_> =
            (0..group.len()).map(|member| decoded(self.key_text(&group, member))).collect();
        Some(keys.len())
    }

    pub(super) fn root(&self) -> At {
        At(u32::MAX)
    }
    fn node(&self, at: At) -> Node {
        if at == self.root() { self.root } else { self.nodes.get(at.0 as usize).copied().unwrap_or_default() }
    }
    pub(super) fn resolve(&self, tokens: &[Vec<u8>]) -> Option<At> {
        tokens.iter().try_fold(self.root(), |at, token| {
            let group = self.group(at)?;
            let child = if group.object { self.member(at, &group, token)? } else { index(token)? };
            (child < group.len()).then(|| self.child(&group, child))
        })
    }
    fn container(&self, at: At) -> Option<&Container> {
        let node = self.node(at);
        match self.text.get(node.start as usize) {
            Some(b'{' | b'[') => self.containers.get(node.link as usize),
            _ => None,
        }
    }
    /// What to walk, if the value is an object or array.
    pub(super) fn group(&self, at: At) -> Option<Group> {
        let container = self.container(at)?;
        let object = self.text.get(self.node(at).start as usize) == Some(&b'{');
        Some(Group { object, first: container.first, nodes: container.nodes })
    }
    /// The value's bytes.
    pub(super) fn range(&self, at: At) -> Range<usize> {
        let node = self.node(at);
        let end = self.container(at).map_or(node.link, |container| container.end);
        node.start as usize..end as usize
    }
    /// An element, or a member's value.
    pub(super) fn child(&self, group: &Group, index: usize) -> At {
        At(group.first + if group.object { index as u32 * 2 + 1 } else { index as u32 })
    }
    /// A member's key without its quotes.
    pub(super) fn key(&self, group: &Group, member: usize) -> Range<usize> {
        let node = self.node(At(group.first + member as u32 * 2));
        node.start as usize..node.link as usize
    }
    pub(super) fn key_text(&self, group: &Group, member: usize) -> &[u8] {
        self.text.get(self.key(group, member)).unwrap_or_default()
    }
    /// An element, or a member from its key's quote on.
    pub(super) fn span(&self, group: &Group, index: usize) -> Range<usize> {
        let value = self.range(self.child(group, index));
        if group.object { self.key(group, index).start - 1..value.end } else { value }
    }
    /// The number of the last member with this key.
    pub(super) fn member(&self, at: At, group: &Group, token: &[u8]) -> Option<usize> {
        let table = self.container(at)?.table;
        if table == NO_TABLE {
            return (0..group.len()).rev().find(|&member| same_key(self.key_text(group, member), token));
        }
        let slots = self.slots.get(table as usize..table as usize + slots_of(group.len()))?;
        let mut slot = hash(self.seed, token) as usize & (slots.len() - 1);
        loop {
            let member = slots.get(slot)?.checked_sub(1)? as usize;
            if same_key(self.key_text(group, member), token) {
                return Some(member);
            }
            slot = (slot + 1) & (slots.len() - 1);
        }
    }
}

/// At most half of them are taken.
fn slots_of(members: usize) -> usize {
    (members * 2).next_power_of_two()
}

fn hash(seed: u64, key: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write_u64(seed);
    hasher.write(key);
    hasher.finish()
}

/// Builds the index while the scanner runs: what is open waits in `pending`, and moves to `nodes` in one piece when
/// its object or array ends.
#[derive(Default)]
struct Builder<'a> {
    text: &'a [u8],
    seed: u64,
    nodes: Vec<Node>,
    containers: Vec<Container>,
    slots: Vec<u32>,
    pending: Vec<Node>,
    /// Where in `pending` the children of each open object or array start.
    bases: Vec<usize>,
    /// Keys in `pending` whose members are to be removed.
    doomed: Vec<usize>,
    removed: Vec<Edit>,
}

impl Builder<'_> {
    fn end(&self, node: Node) -> usize {
        let link = match self.text.get(node.start as usize) {
            Some(b'{' | b'[') => self.containers.get(node.link as usize).map_or(0, |container| container.end),
            _ => node.link,
        };
        link as usize
    }

    /// The slots of the object whose keys and values these are. A later duplicate takes the earlier one's place.
    fn table(&mut self, base: usize) -> u32 {
        let Self { text, seed, slots, pending, .. } = self;
        let members = pending.get(base..).unwrap_or_default();
        let key_of = |member: usize| -> &[u8] {
            let Some(key) = members.get(member * 2) else { return &[] };
            text.get(key.start as usize..key.link as usize).unwrap_or_default()
        };
        let (start, count) = (slots.len(), members.len() / 2);
        let size = slots_of(count);
        slots.resize(start + size, 0);
        let Some(slots) = slots.get_mut(start..) else { return NO_TABLE };
        for member in 0..count {
            let key = decoded(key_of(member));
            let mut slot = hash(*seed, &key) as usize & (size - 1);
            while let Some(taken) = slots.get_mut(slot) {
                if *taken == 0 || decoded(key_of(*taken as usize - 1)) == key {
                    *taken = member as u32 + 1;
                    break;
                }
                slot = (slot + 1) & (size - 1);
            }
        }
        start as u32
    }

    /// Notes the edits that take the doomed members out of the object that ends.
    fn remove_doomed(&mut self, base: usize) {
        let first = self.doomed.partition_point(|&key| key < base);
        if first == self.doomed.len() {
            return;
        }
        let mut doomed = self.doomed.split_off(first);
        doomed.dedup();
        let members = self.pending.get(base..).unwrap_or_default();
        let spans: Vec<_> = members
            .chunks_exact(2)
            .filter_map(|pair| match pair {
                [key, value] => Some(key.start as usize - 1..self.end(*value)),
                _ => None,
            })
            .collect();
        let doomed: Vec<usize> = doomed.into_iter().map(|key| (key - base) / 2).collect();
        edit::remove(&spans, &doomed, &mut self.removed);
    }
}

impl Sink for Builder<'_> {
    #[inline]
    fn scalar(&mut self, start: usize, end: usize) {
        self.pending.push(Node { start: start as u32, link: end as u32 });
    }
    #[inline]
    fn key(&mut self, start: usize, end: usize) {
        self.pending.push(Node { start: start as u32, link: end as u32 });
    }
    #[inline]
    fn open(&mut self, start: usize) {
        self.pending.push(Node { start: start as u32, link: 0 });
        self.bases.push(self.pending.len());
    }
    fn close(&mut self, end: usize, object: bool) {
        let Some(base) = self.bases.pop() else { return };
        if object {
            self.remove_doomed(base);
        }
        let count = self.pending.len() - base;
        let table = if object && count / 2 > FEW_MEMBERS { self.table(base) } else { NO_TABLE };
        let first = self.nodes.len() as u32;
        self.nodes.extend_from_slice(self.pending.get(base..).unwrap_or_default());
        self.pending.truncate(base);
        if let Some(own) = self.pending.last_mut() {
            own.link = self.containers.len() as u32;
        }
        self.containers.push(Container { end: end as u32, first, nodes: count as u32, table });
    }
    fn doom_member(&mut self) {
        self.doomed.push(self.pending.len() - 1);
    }
    fn doom_parent(&mut self) {
        // before the children comes the object itself, and before that its key
        if let Some(key) = self.bases.last().and_then(|base| base.checked_sub(2)) {
            self.doomed.push(key);
        }
    }
}
