use super::*;
use proptest::prelude::*;

struct Bytes(Vec<u8>);
impl Pages for Bytes {
    fn bytes(&self) -> u64 {
        self.0.len() as u64
    }
    fn read(&mut self, at: u64, into: &mut [u8]) -> bool {
        let found = usize::try_from(at).ok().and_then(|at| self.0.get(at..)?.get(..into.len()));
        found.map(|found| into.copy_from_slice(found)).is_some()
    }
}
/// An empty store, written by hand from LMDB's header file: two meta pages of 4096 bytes.
fn empty() -> Vec<u8> {
    let mut file = vec![0; 8192];
    for page in 0..2 {
        let at = page * 4096;
        file[at] = page as u8;
        file[at + 10] = 8;
        file[at + 16..at + 20].copy_from_slice(&[0xDE, 0xC0, 0xEF, 0xBE]);
        file[at + 20] = 1;
        file[at + 41] = 0x10; // 4096
        file[at + 44] = 8;
        file[at + 80..at + 88].fill(0xff);
        file[at + 128..at + 136].fill(0xff);
        file[at + 136] = 1;
        file[at + 144] = page as u8;
    }
    file
}

#[test]
fn an_empty_store_is_whole_and_a_cut_one_is_not() {
    assert_eq!(check(&mut Bytes(empty()), &[]), Ok(()));
    for length in [0, 1, 100, 4096, 4200] {
        assert!(check(&mut Bytes(empty()[..length].to_vec()), &[]).is_err(), "{length}");
    }
}

#[test]
fn meta_pages_that_do_not_follow_each_other_are_found() {
    for (one, two, is_whole) in [(0, 0, true), (2, 1, true), (2, 3, true), (1, 2, false), (4, 1, false)] {
        let mut file = empty();
        (file[144], file[4096 + 144]) = (one, two);
        assert_eq!(check(&mut Bytes(file), &[]).is_ok(), is_whole, "{one} {two}");
    }
}

#[test]
fn a_root_beyond_the_file_is_found() {
    let mut file = empty();
    file[4096 + 128..4096 + 136].copy_from_slice(&2_u64.to_le_bytes());
    file[4096 + 94] = 1;
    assert!(check(&mut Bytes(file), &[]).unwrap_err().contains("beyond"));
}

/// A store with one table that has one value of 5000 bytes on `held` pages of its own, in a file of so many pages.
fn with_value(held: u8, file_pages: usize) -> Vec<u8> {
    let mut file = empty();
    file.resize(7 * 4096, 0);
    let mut put = |at: usize, bytes: &[u8]| file[at..at + bytes.len()].copy_from_slice(bytes);
    // the tree: depth, one leaf, pages of values, one entry, its root
    let mut tree = |at: usize, values: u8, root: u8| {
        [(6, 1), (16, 1), (24, values), (32, 1)].iter().for_each(|&(to, byte)| put(at + to, &[byte]));
        put(at + 40, &u64::from(root).to_le_bytes());
    };
    tree(4096 + 88, 0, 2);
    tree(2 * 4096 + 4038 + 9, held, 3);
    put(4096 + 136, &[3 + held]);
    for (page, node, data, flags, key) in [(2, 4038u16, 48u16, 2, b'a'), (3, 4078, 5000, 1, b'k')] {
        let (at, [low, high]) = (page * 4096, node.to_le_bytes());
        put(at, &[page as u8]);
        put(at + 10, &[2, 0, 18, 0, low, high, low, high]);
        put(at + usize::from(node), &data.to_le_bytes());
        put(at + usize::from(node) + 4, &[flags, 0, 1, 0, key]);
    }
    put(3 * 4096 + 4078 + 9, &[4]);
    put(4 * 4096, &[4]);
    put(4 * 4096 + 10, &[4, 0, held]);
    file.truncate(file_pages * 4096);
    file
}

#[test]
fn a_value_has_all_its_pages_and_they_are_in_the_file() {
    for (held, file_pages, is_whole) in
        [(2, 6, true), (2, 7, true), (3, 7, true), (2, 5, false), (3, 5, false), (3, 6, false), (1, 6, false)]
    {
        let found = check(&mut Bytes(with_value(held, file_pages)), &["a"]);
        assert_eq!(found.is_ok(), is_whole, "{held} of {file_pages}: {found:?}");
    }
    assert!(check(&mut Bytes(with_value(2, 6)), &["b"]).is_err(), "a table that is not ours");
}

proptest! {
    #[test]
    fn any_bytes_are_checked_without_panic(
        flips in proptest::collection::vec((0_usize..8192 * 2, any::<u8>()), 0..40),
    ) {
        let mut file = empty();
        file.extend_from_slice(&[0; 8192]);
        file[4096 + 136] = 3;
        file[4096 + 144] = 1;
        for (at, byte) in flips {
            file[at] = byte;
        }
        let _ = check(&mut Bytes(file), &["a"]);
    }
}
