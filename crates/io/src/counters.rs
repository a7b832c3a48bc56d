//! Statistics: cells of float64, each written by one thread alone and read by all. What is summed never goes back:
//! the counts of what has been closed are kept.

use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The bits of a float64.
pub type Cell = AtomicU64;

/// How many names are kept apart when nothing of them is open any more; those of the rest are counted without a name.
const MAX_NAMES: usize = 1000;

static REGISTRY: Mutex<Registry> = Mutex::new(Registry { next: 0, nouns: BTreeMap::new() });

struct Registry {
    next: u64,
    /// By noun, then by name.
    nouns: BTreeMap<String, BTreeMap<String, Named>>,
}
#[derive(Default)]
struct Named {
    closed: Vec<f64>,
    instances: BTreeMap<String, Instance>,
}
#[derive(Default)]
struct Instance {
    /// What goes up and down: nothing of it is kept, and threads that share an instance all say the same.
    gauges: bool,
    closed: Vec<f64>,
    open: Vec<(u64, Arc<[Cell]>)>,
}

/// Cells that are counted while this is held, and kept in the sums after that.
pub struct Counters {
    id: u64,
    noun: String,
    name: String,
    instance: String,
    cells: Arc<[Cell]>,
}
impl Counters {
    /// New cells, all 0. `noun` and `name` are what metrics show; `instance` tells instances of one name apart, and
    /// is the same in all threads that share one.
    pub fn open(noun: &str, name: &str, instance: &str, length: usize) -> Self {
        Self::new(noun, name, instance, length, false)
    }
    /// The same for what goes up and down: in the sums while it is open, the largest of an instance's threads.
    pub fn gauges(noun: &str, name: &str, instance: &str, length: usize) -> Self {
        Self::new(noun, name, instance, length, true)
    }
    fn new(noun: &str, name: &str, instance: &str, length: usize, gauges: bool) -> Self {
        let cells: Arc<[Cell]> = (0..length).map(|_| Cell::new(0)).collect();
        let mut registry = REGISTRY.lock();
        registry.next += 1;
        let id = registry.next;
        let named = registry.nouns.entry(noun.into()).or_default().entry(name.into()).or_default();
        let of = named
            .instances
            .entry(instance.into())
            .or_insert_with(|| Instance { gauges, ..Instance::default() });
        of.open.push((id, Arc::clone(&cells)));
        Self { id, noun: noun.into(), name: name.into(), instance: instance.into(), cells }
    }
    /// The cells.
    pub fn cells(&self) -> &Arc<[Cell]> {
        &self.cells
    }
}
impl Drop for Counters {
    fn drop(&mut self) {
        let mut registry = REGISTRY.lock();
        let Some(names) = registry.nouns.get_mut(&self.noun) else { return };
        let Some(named) = names.get_mut(&self.name) else { return };
        let Some(instance) = named.instances.get_mut(&self.instance) else { return };
        instance.open.retain(|(id, _)| *id != self.id);
        if !instance.gauges {
            add(&mut instance.closed, &mut read(&self.cells));
        }
        if !instance.open.is_empty() {
            return;
        }
        if let Some(instance) = named.instances.remove(&self.instance) {
            add(&mut named.closed, instance.closed.into_iter().by_ref());
        }
        if named.instances.is_empty()
            && names.len() > MAX_NAMES
            && let Some(named) = names.remove(&self.name)
        {
            let unnamed = names.entry(String::new()).or_default();
            add(&mut unnamed.closed, named.closed.into_iter().by_ref());
        }
    }
}

/// The sum over the threads of one instance, while any of them has it open.
pub fn sum_instance(noun: &str, name: &str, instance: &str) -> Vec<f64> {
    let registry = REGISTRY.lock();
    let named = registry.nouns.get(noun).and_then(|names| names.get(name));
    named.and_then(|named| named.instances.get(instance)).map(Instance::sum).unwrap_or_default()
}
/// Names of a noun, each with the sum over all that was ever open under it.
pub fn sums(noun: &str) -> Vec<(String, Vec<f64>)> {
    let registry = REGISTRY.lock();
    let names = registry.nouns.get(noun).into_iter().flatten();
    names.map(|(name, named)| (name.clone(), named.sum())).collect()
}

impl Instance {
    fn sum(&self) -> Vec<f64> {
        let mut sum = self.closed.clone();
        let join: fn(&mut Vec<f64>, &mut dyn Iterator<Item = f64>) = if self.gauges { largest } else { add };
        self.open.iter().for_each(|(_, cells)| join(&mut sum, &mut read(cells)));
        sum
    }
}
impl Named {
    fn sum(&self) -> Vec<f64> {
        let mut sum = self.closed.clone();
        self.instances.values().for_each(|instance| add(&mut sum, &mut instance.sum().into_iter()));
        sum
    }
}
fn read(cells: &[Cell]) -> impl Iterator<Item = f64> {
    cells.iter().map(|cell| f64::from_bits(cell.load(Ordering::Relaxed)))
}
fn add(sum: &mut Vec<f64>, counts: &mut dyn Iterator<Item = f64>) {
    join(sum, counts, |sum, count| sum + count);
}
fn largest(most: &mut Vec<f64>, counts: &mut dyn Iterator<Item = f64>) {
    join(most, counts, f64::max);
}
fn join(into: &mut Vec<f64>, counts: &mut dyn Iterator<Item = f64>, how: impl Fn(f64, f64) -> f64) {
    for (at, count) in counts.enumerate() {
        match into.get_mut(at) {
            Some(one) => *one = how(*one, count),
            None => into.push(count),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(counters: &Counters, at: usize, by: f64) {
        let cell = &counters.cells()[at];
        cell.store((f64::from_bits(cell.load(Ordering::Relaxed)) + by).to_bits(), Ordering::Relaxed);
    }
    fn total(noun: &str) -> Vec<(String, Vec<f64>)> {
        sums(noun)
    }

    #[test]
    fn what_was_counted_stays_when_threads_end() {
        let first = Counters::open("apple", "n", "shared", 2);
        let second = Counters::open("apple", "n", "shared", 2);
        let other = Counters::open("apple", "n", "own", 2);
        count(&first, 0, 1.0);
        count(&second, 0, 10.0);
        count(&second, 1, 0.5);
        count(&other, 0, 100.0);
        assert_eq!(sum_instance("apple", "n", "shared"), [11.0, 0.5]);
        assert_eq!(total("apple"), [("n".to_owned(), vec![111.0, 0.5])]);
        drop(first);
        assert_eq!(sum_instance("apple", "n", "shared"), [11.0, 0.5]);
        drop(second);
        assert_eq!(sum_instance("apple", "n", "shared"), [0.0; 0]);
        assert_eq!(total("apple"), [("n".to_owned(), vec![111.0, 0.5])]);
        drop(other);
        assert_eq!(total("apple"), [("n".to_owned(), vec![111.0, 0.5])]);
    }

    #[test]
    fn gauges_are_there_while_they_are_open_and_threads_of_an_instance_say_the_same() {
        let first = Counters::gauges("fig", "n", "shared", 1);
        let second = Counters::gauges("fig", "n", "shared", 1);
        let other = Counters::gauges("fig", "n", "own", 1);
        count(&first, 0, 10.0);
        count(&second, 0, 12.0);
        count(&other, 0, 100.0);
        assert_eq!(total("fig"), [("n".to_owned(), vec![112.0])]);
        drop(second);
        assert_eq!(total("fig"), [("n".to_owned(), vec![110.0])]);
        drop((first, other));
        assert_eq!(total("fig"), [("n".to_owned(), vec![])]);
    }

    #[test]
    fn names_that_are_gone_are_bounded_and_still_counted() {
        for index in 0..3000 {
            count(&Counters::open("pear", &index.to_string(), "i", 1), 0, 1.0);
        }
        let sums = total("pear");
        assert!(sums.len() <= MAX_NAMES + 1, "{}", sums.len());
        assert_eq!(sums.iter().map(|(_, counts)| counts[0]).sum::<f64>(), 3000.0);
    }

    #[test]
    fn sums_never_go_back() {
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..500 {
                        count(&Counters::open("plum", "n", "i", 1), 0, 1.0);
                    }
                });
            }
            let mut last = 0.0;
            while last < 2000.0 {
                let now =
                    total("plum").first().map_or(0.0, |(_, counts)| counts.first().copied().unwrap_or(0.0));
                assert!(now >= last, "{now} after {last}");
                last = now;
            }
        });
    }
}
