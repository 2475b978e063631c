use super::*;

#[test]
fn a_stale_handle_finds_nothing() {
    let mut slab = Slab::new();
    let a = slab.insert("a");
    let b = slab.insert("b");
    assert_eq!(slab.remove(a), Some("a"));
    let c = slab.insert("c");
    assert_eq!(c.index, a.index, "the place is used again");
    assert_eq!(slab.get(a), None);
    assert_eq!(slab.get_mut(a), None);
    assert_eq!(slab.remove(a), None);
    assert_eq!((slab.get(b), slab.get(c)), (Some(&"b"), Some(&"c")));
    assert_eq!(slab.len(), 2);
}

#[test]
fn free_places_are_all_used_again() {
    let mut slab = Slab::new();
    let handles: Vec<_> = (0..8).map(|n| slab.insert(n)).collect();
    for handle in &handles {
        slab.remove(*handle);
    }
    let again: Vec<_> = (0..8).map(|n| slab.insert(n).index).collect();
    assert!(again.iter().all(|index| *index < 8));
    assert_eq!(slab.len(), 8);
}
