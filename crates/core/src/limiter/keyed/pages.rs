//! Places for things of one size, in pages that come one by one: growing never copies what is there.

/// No place.
pub(super) const NIL: u32 = u32::MAX;
const PAGE: u32 = 256;
const SHIFT: u32 = 8;

/// What can be in a free list.
pub(super) trait Linked: Copy + Default {
    fn link(&self) -> u32;
    fn set_link(&mut self, to: u32);
}

/// The pages.
#[derive(Debug)]
pub(super) struct Pages<T> {
    pages: Vec<Box<[T]>>,
    free: u32,
    used: u32,
}
impl<T: Linked> Default for Pages<T> {
    fn default() -> Self {
        Self { pages: Vec::new(), free: NIL, used: 0 }
    }
}
impl<T: Linked> Pages<T> {
    /// Bytes of one page more.
    pub fn page_bytes() -> u64 {
        (PAGE as usize * size_of::<T>() + size_of::<Box<[T]>>()) as u64
    }
    /// Bytes of all pages.
    pub fn bytes(&self) -> u64 {
        self.pages.len() as u64 * Self::page_bytes()
    }
    /// Places in all pages.
    pub fn capacity(&self) -> u64 {
        self.pages.len() as u64 * u64::from(PAGE)
    }
    /// Whether a place is free without another page.
    pub fn has_room(&self) -> bool {
        self.free != NIL
    }
    /// One page more.
    pub fn grow(&mut self) {
        let from = self.pages.len() as u64 * u64::from(PAGE);
        let Ok(from) = u32::try_from(from) else { return };
        if from > NIL - 2 * PAGE {
            return;
        }
        let mut page = vec![T::default(); PAGE as usize].into_boxed_slice();
        let mut next = self.free;
        for (place, item) in page.iter_mut().enumerate().rev() {
            item.set_link(next);
            next = from + place as u32;
        }
        self.free = next;
        self.pages.push(page);
    }
    /// A free place, as the default; NIL: none.
    pub fn take(&mut self) -> u32 {
        let at = self.free;
        if let Some(item) = self.get_mut(at) {
            let next = item.link();
            *item = T::default();
            self.free = next;
            self.used += 1;
        }
        at
    }
    /// A place is free again.
    pub fn give(&mut self, at: u32) {
        let free = self.free;
        if let Some(item) = self.get_mut(at) {
            item.set_link(free);
            self.free = at;
            self.used = self.used.saturating_sub(1);
        }
    }
    #[inline]
    pub fn get(&self, at: u32) -> Option<&T> {
        self.pages.get((at >> SHIFT) as usize)?.get((at & (PAGE - 1)) as usize)
    }
    #[inline]
    pub fn get_mut(&mut self, at: u32) -> Option<&mut T> {
        self.pages.get_mut((at >> SHIFT) as usize)?.get_mut((at & (PAGE - 1)) as usize)
    }
    /// Places in use.
    pub fn used(&self) -> u32 {
        self.used
    }
}
