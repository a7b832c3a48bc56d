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
