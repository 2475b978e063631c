#![allow(unsafe_code)]
//! dprintf(3): a variadic function, which Rust cannot define. It builds a `va_list` as the psABI says and calls vdprintf.

use std::arch::naked_asm;
use std::ffi::{c_char, c_int};

/// Spills the argument registers (System V ABI, AMD64, figure 3.33), makes the va_list at the stack's top, and calls `$to` with
/// it in the register after the `$named` named arguments.
macro_rules! with_va_list {
    ($named_bytes:literal, $register:literal, $to:literal) => {
        naked_asm!(
            // Through here libc unwinds the threads that it cancels.
            ".cfi_startproc",
            "sub rsp, 216",
            ".cfi_adjust_cfa_offset 216",
            "mov [rsp + 32], rdi",
            "mov [rsp + 40], rsi",
            "mov [rsp + 48], rdx",
            "mov [rsp + 56], rcx",
            "mov [rsp + 64], r8",
            "mov [rsp + 72], r9",
            "test al, al",
            "je 2f",
            "movaps [rsp + 80], xmm0",
            "movaps [rsp + 96], xmm1",
            "movaps [rsp + 112], xmm2",
            "movaps [rsp + 128], xmm3",
            "movaps [rsp + 144], xmm4",
            "movaps [rsp + 160], xmm5",
            "movaps [rsp + 176], xmm6",
            "movaps [rsp + 192], xmm7",
            "2:",
            concat!("mov dword ptr [rsp], ", $named_bytes), // gp_offset: past the named arguments
            "mov dword ptr [rsp + 4], 48",                  // fp_offset
            "lea rax, [rsp + 224]",                         // overflow_arg_area: past the return address
            "mov [rsp + 8], rax",
            "lea rax, [rsp + 32]", // reg_save_area
            "mov [rsp + 16], rax",
            concat!("mov ", $register, ", rsp"),
            concat!("call ", $to, "@PLT"),
            "add rsp, 216",
            ".cfi_adjust_cfa_offset -216",
            "ret",
            ".cfi_endproc",
        )
    };
}

/// dprintf(3).
#[unsafe(no_mangle)]
#[unsafe(naked)]
extern "C" fn dprintf(fd: c_int, format: *const c_char) -> c_int {
    with_va_list!("16", "rdx", "vdprintf")
}

/// dprintf(3), fortified.
#[unsafe(no_mangle)]
#[unsafe(naked)]
extern "C" fn __dprintf_chk(fd: c_int, flag: c_int, format: *const c_char) -> c_int {
    with_va_list!("24", "rcx", "__vdprintf_chk")
}
