#![allow(unsafe_code)]
//! Loaded objects (ELF) and what they export, read without dlsym(3), which is hooked itself: it must be found past its hook, and its
//! hook must know what else is one. Nothing here allocates, since a malloc that comes into being asks for its symbols.

use std::ffi::{CStr, c_char, c_void};
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicPtr, Ordering::Relaxed};

/// A loaded object.
#[derive(Clone, Copy, PartialEq)]
pub struct Object(NonNull<LinkMap>);

/// The beginning of `struct link_map` (<link.h>).
#[repr(C)]
struct LinkMap {
    base: usize,
    name: *const c_char,
    dynamic: *const Dynamic,
}

/// `Elf64_Dyn`: an entry of the dynamic section.
#[repr(C)]
struct Dynamic {
    tag: i64,
    value: usize,
}

const DT_NULL: i64 = 0;
const DT_STRTAB: i64 = 5;
const DT_SYMTAB: i64 = 6;
const DT_GNU_HASH: i64 = 0x6fff_fef5;
const SHN_UNDEF: u16 = 0;

/// The head of a GNU hash table: a Bloom filter, the buckets and the chains follow.
#[repr(C)]
struct GnuHash {
    buckets: u32,
    first_symbol: u32,
    filter_words: u32,
    filter_shift: u32,
}

impl Object {
    /// This library.
    pub fn ours() -> Option<Object> {
        static FOUND: AtomicPtr<LinkMap> = AtomicPtr::new(ptr::null_mut());
        Object::kept(&FOUND, (&raw const FOUND).cast())
    }

    /// libc.
    pub fn libc() -> Option<Object> {
        static FOUND: AtomicPtr<LinkMap> = AtomicPtr::new(ptr::null_mut());
        Object::kept(&FOUND, libc::gnu_get_libc_version as *const c_void)
    }

    /// What has dlsym(3) and its kin: libc, before glibc 2.34 libdl.
    pub fn linker() -> Option<Object> {
        Object::around(libc::dladdr1 as *const c_void)
    }

    /// The one that `address` lies in, for which the dynamic linker is asked once.
    fn kept(found: &AtomicPtr<LinkMap>, address: *const c_void) -> Option<Object> {
        let object = NonNull::new(found.load(Relaxed)).map(Object).or_else(|| Object::around(address))?;
        found.store(object.0.as_ptr(), Relaxed);
        Some(object)
    }

    /// The one that `address` lies in. Takes the dynamic linker's lock.
    pub fn around(address: *const c_void) -> Option<Object> {
        /// `RTLD_DL_LINKMAP`: asks dladdr1(3) for the object.
        const LINK_MAP: i32 = 2;
        let mut about = libc::Dl_info {
            dli_fname: ptr::null(),
            dli_fbase: ptr::null_mut(),
            dli_sname: ptr::null(),
            dli_saddr: ptr::null_mut(),
        };
        let mut map = ptr::null_mut();
        // SAFETY: it writes to the two places of ours, and of the address only looks at the number.
        unsafe { libc::dladdr1(address, &mut about, &mut map, LINK_MAP) };
        NonNull::new(map.cast()).map(Object)
    }

    /// Where its function of this name is.
    pub fn function(self, name: &CStr) -> Option<NonNull<c_void>> {
        let (strings, symbols) = (self.table::<c_char>(DT_STRTAB)?, self.table::<libc::Elf64_Sym>(DT_SYMTAB)?);
        let head = self.table::<GnuHash>(DT_GNU_HASH)?;
        let wanted = hash(name);
        // SAFETY: the tables of a loaded object, as the dynamic linker itself has used them. A bucket holds the number of the first
        // symbol of its chain, or 0; the last of a chain has the lowest bit of its hash set.
        unsafe {
            let GnuHash { buckets, first_symbol, filter_words, .. } = head.read();
            let bucket = head.add(1).cast::<usize>().add(filter_words as usize).cast::<u32>();
            let chain = bucket.add(buckets as usize);
            let mut number = bucket.add(wanted as usize % buckets as usize).read();
            while number >= first_symbol {
                let found = chain.add((number - first_symbol) as usize).read();
                let symbol = &*symbols.add(number as usize);
                if found | 1 == wanted | 1
                    && symbol.st_shndx != SHN_UNDEF
                    && CStr::from_ptr(strings.add(symbol.st_name as usize)) == name
                {
                    return NonNull::new(ptr::with_exposed_provenance_mut(self.base() + symbol.st_value as usize));
                }
                if found & 1 != 0 {
                    break;
                }
                number += 1;
            }
        }
        None
    }

    /// What it is loaded at, beside the addresses in its file.
    fn base(self) -> usize {
        // SAFETY: the object is loaded: it is this library, or one that this library needs.
        unsafe { self.0.as_ref().base }
    }

    /// A table of its dynamic section.
    fn table<T>(self, tag: i64) -> Option<*const T> {
        // SAFETY: as in `base`. A dynamic section ends with DT_NULL.
        unsafe {
            let mut entry = self.0.as_ref().dynamic;
            while (*entry).tag != DT_NULL {
                if (*entry).tag == tag {
                    return Some(self.loaded((*entry).value));
                }
                entry = entry.add(1);
            }
        }
        None
    }

    /// An address of the dynamic section, which the dynamic linker has moved to where the object is, unless the section is read-only.
    fn loaded<T>(self, address: usize) -> *const T {
        let base = self.base();
        ptr::with_exposed_provenance(if address < base { base + address } else { address })
    }
}

/// The hash of a name in a GNU hash table.
fn hash(name: &CStr) -> u32 {
    name.to_bytes().iter().fold(5381, |hash: u32, &byte| hash.wrapping_mul(33).wrapping_add(byte.into()))
}
