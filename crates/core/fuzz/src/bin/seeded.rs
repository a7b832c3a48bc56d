//! The fuzz targets on stable Rust: mutations of the seeds, drawn from a seed number so that a failure can be had
//! again. `seeded [TARGET [SECONDS [SEED]]]`; without a target, all of them. `seeded --seeds FOLDER` writes the seeds to
//! where libFuzzer begins.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// xorshift64*.
struct Random(u64);
impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }
    fn below(&mut self, limit: usize) -> usize {
        (self.next() >> 33) as usize % limit.max(1)
    }
}

const TELLING: &[u8] = b"{}[]\",:\\/ \n\r\t0-1.eEtfnudata\xef\xbb\xbf\xed\xa0\x80\xff\x00";

fn mutate(input: &mut Vec<u8>, others: &[&[u8]], random: &mut Random) {
    for _ in 0..=random.below(4) {
        let at = random.below(input.len() + 1);
        match random.below(7) {
            0 if at < input.len() => input[at] ^= 1 << random.below(8),
            1 if at < input.len() => input[at] = TELLING[random.below(TELLING.len())],
            2 => input.insert(at, TELLING[random.below(TELLING.len())]),
            3 => {
                let end = (at + random.below(16)).min(input.len());
                input.drain(at..end);
            }
            4 => {
                let end = (at + random.below(64)).min(input.len());
                let copy = input[at..end].to_vec();
                let to = random.below(input.len() + 1);
                input.splice(to..to, copy);
            }
            5 => {
                let other = others[random.below(others.len())];
                let from = random.below(other.len());
                let end = (from + random.below(64)).min(other.len());
                input.splice(at..at, other[from..end].iter().copied());
            }
            _ => input.truncate(at),
        }
    }
    input.truncate(8 * 1024);
}

fn write_seeds(corpus: &Path) -> std::io::Result<()> {
    for (name, _, seeds) in sluice_core_fuzz::TARGETS {
        std::fs::create_dir_all(corpus.join(name))?;
        for (number, seed) in seeds.iter().enumerate() {
            std::fs::write(corpus.join(name).join(format!("seed-{number}")), seed)?;
        }
    }
    Ok(())
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let [flag, corpus] = args.as_slice()
        && flag == "--seeds"
    {
        return match write_seeds(Path::new(corpus)) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                println!("{corpus}: {error}");
                ExitCode::FAILURE
            }
        };
    }
    let wanted = args.first().map(String::as_str).unwrap_or("all");
    let seconds: u64 = args.get(1).and_then(|text| text.parse().ok()).unwrap_or(10);
    let seed: u64 = args.get(2).and_then(|text| text.parse().ok()).unwrap_or(1);
    let mut failed = false;
    let mut ran = 0;
    for &(name, target, seeds) in sluice_core_fuzz::TARGETS {
        if wanted != "all" && wanted != name {
            continue;
        }
        ran += 1;
        let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        let end = Instant::now() + Duration::from_secs(seconds);
        let mut runs = 0u64;
        while Instant::now() < end {
            let mut input = seeds[random.below(seeds.len())].to_vec();
            if runs >= seeds.len() as u64 {
                mutate(&mut input, seeds, &mut random);
            } else {
                input = seeds[runs as usize].to_vec();
            }
            if catch_unwind(AssertUnwindSafe(|| target(&input))).is_err() {
                println!(
                    "{name}: failed at run {runs} of seed {seed}: {:?}",
                    String::from_utf8_lossy(&input)
                );
                println!("{name}: the bytes: {input:?}");
                failed = true;
                break;
            }
            runs += 1;
        }
        println!("{name}: {runs} runs");
    }
    if ran == 0 {
        println!("no target is named {wanted}");
        return ExitCode::from(2);
    }
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
