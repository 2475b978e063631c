#![allow(unsafe_code)]
//! Functions from which a call goes on in the host's as if it had come there by itself: dlopen(3) and dlsym(3) look at the return
//! address to know who asks, for the library's RUNPATH and namespace, and for what RTLD_NEXT is.

use crate::real::Symbol;
use std::ffi::c_void;
use std::ptr::{self, NonNull};

/// Where a call goes on.
#[repr(C)]
pub struct Onward {
    /// The host's function; null: nowhere.
    function: *mut c_void,
    /// What is returned then.
    answer: *mut c_void,
}

impl Onward {
    /// To the program with `answer`, or else to the host's function.
    pub fn new(answer: Option<*mut c_void>, host: &Symbol) -> Onward {
        match answer {
            Some(answer) => Onward { function: ptr::null_mut(), answer },
            None => {
                Onward { function: host.address().map_or(ptr::null_mut(), NonNull::as_ptr), answer: ptr::null_mut() }
            }
        }
    }
}

/// An exported function of up to three words, of which ours sees the arguments and may change them. `Some` is the answer.
macro_rules! onward {
    ($name:ident($($arg:ident: $type:ty),*) = $ours:path) => {
        #[cfg(target_arch = "x86_64")]
        const _: () = {
            /// A register.
            #[repr(C, align(8))]
            struct Word<T>(T);

            /// The registers of the arguments.
            #[repr(C)]
            struct Words {
                $($arg: Word<$type>),*
            }

            extern "C" fn choose(words: &mut Words) -> $crate::onward::Onward {
                $crate::onward::Onward::new($ours($(&mut words.$arg.0),*), &super::symbols::$name)
            }

            // SAFETY: the name is one of libc's, and the signature is that of its man page.
            #[unsafe(no_mangle)]
            #[unsafe(naked)]
            extern "C" fn $name($($arg: $type),*) -> *mut c_void {
                std::arch::naked_asm!(
                    ".cfi_startproc",
                    "sub rsp, 24",
                    ".cfi_adjust_cfa_offset 24",
                    "mov [rsp], rdi",
                    "mov [rsp + 8], rsi",
                    "mov [rsp + 16], rdx",
                    "mov rdi, rsp",
                    "call {choose}",
                    "mov r11, rax",
                    "mov rax, rdx",
                    "mov rdi, [rsp]",
                    "mov rsi, [rsp + 8]",
                    "mov rdx, [rsp + 16]",
                    "add rsp, 24",
                    ".cfi_adjust_cfa_offset -24",
                    "test r11, r11",
                    "jz 2f",
                    "jmp r11",
                    "2:",
                    "ret",
                    ".cfi_endproc",
                    choose = sym choose,
                )
            }
        };

        // Without these instructions for the other architectures, it is this library that asks.
        #[cfg(not(target_arch = "x86_64"))]
        // SAFETY: as above.
        #[unsafe(no_mangle)]
        extern "C" fn $name($(mut $arg: $type),*) -> *mut c_void {
            $ours($(&mut $arg),*).unwrap_or_else(|| super::host::$name($($arg),*))
        }
    };
}
pub(crate) use onward;
