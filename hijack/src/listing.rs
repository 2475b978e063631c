#![allow(unsafe_code)]
//! What is hooked and what is not, as text in a section of the library, where `rump hooks` and the tests read it: a line a function,
//! its name, a tab, and the word of its row; for those that are not hooked `left`, a tab, and why.

use crate::table::LINES;

/// Makes the lines of functions that are not hooked, of rows `"name name name" = "why";`. A name ending in `*` stands for all that
/// begin so.
macro_rules! left {
    ($( $($name:literal)* = $why:literal; )*) => { concat!($( $( $name, "\tleft\t", $why, "\n", )* )*) };
}

/// Functions that look as if they had to be hooked. (Those of libc's own use, GLIBC_PRIVATE, no program can call.)
const LEFT: &str = left! {
    "fstat" "fstat64" "fstatat*" "fstatfs*" "fstatvfs*" "isfdtype" "dirfd"
        = "a rump socket is a socket of the host, and the host says so";
    "lseek" "lseek64" "llseek" "__lseek" "pread" "pread64" "__pread*" "preadv" "preadv64" "pwrite" "pwrite64" "__pwrite64" "pwritev"
    "pwritev64" "readahead" = "the host fails with ESPIPE or EINVAL, as for any socket";
    "fsync" "fdatasync" "sync_file_range" "syncfs" "sync" "isatty" "fdopendir" "tee" "vmsplice" "copy_file_range" "fexecve" "tcsendbreak"
    "sync*" "fdetach" = "the host fails as for any socket";
    "readdir*" "fts*" "readlink*" "__readlink*" "closedir" "opendir64" "mkdtemp" "mktemp" "tempnam" "catopen" "catclose"
    "iconv_*" "dlclose" "sem_open" "sem_close" "closelog" "openlog"
        = "about files: no socket comes in or goes out, and their descriptors never were sockets";
    "fread*" "fwrite*" "__fread*" "_IO_fread" "_IO_fwrite" "_IO_fclose" "_IO_fopen" "_IO_file_*" "_IO_*write" "_IO_*sync"
    "_IO_proc_*" "_IO_str_*" "fopencookie" "fmemopen" "open_*memstream" "open_memstream" "pclose" "fcloseall" "__freadable"
    "__freading" = "streams: one over a rump socket is made by fdopen(3), whose functions are ours";
    "eventfd_read" "eventfd_write" "timerfd_gettime" "timerfd_settime" "inotify_add_watch" "inotify_rm_watch"
    "backtrace_symbols_fd" "__backtrace_symbols_fd" "mq_send" "mq_timedsend" "mq_close" "pidfd_send_signal" "process_vm_*"
        = "for descriptors that no socket can be";
    "fork" "__fork" "forkpty" "daemon" = "run the handlers of pthread_atfork(3), which are ours";
    "vfork" "__vfork" = "the child is known by its process number, and the tables are left alone";
    "exec*" "posix_spawn*" = "the environment takes the library along, and the new image finds what it inherited";
    "exit" "on_exit" "quick_exit" "__cxa_*" "pthread_exit" "thrd_exit" = "run the handlers that deliver and close";
    "aio_cancel*" "aio_error*" "aio_fsync*" "aio_init" "aio_return*" "aio_suspend*" = "of requests that were refused there are none";
    "msync" "duplocale" "__duplocale" = "neither descriptors nor names of hosts";
    "gai_cancel" "gai_error" "gai_suspend" "gai_strerror" = "getaddrinfo_a(3) has answered when it returns";
    "getnetbyname*" "getnetbyaddr*" "getnetent*" "setnetent" "endnetent" "getrpcby*" "getrpcent*" "setrpcent" "endrpcent" "ether_*"
    "getaliasent*" "setaliasent" "endaliasent" "getgrent*" "setgrent" "endgrent" "getprotoent*" "setprotoent" "endprotoent" "getpwent*"
    "setpwent" "endpwent" "getservent*" "setservent" "endservent" "getsgent*" "setsgent" "endsgent" "getspent*" "setspent" "endspent"
        = "read /etc, as nsswitch.conf(5) is by default";
    "res_dnok" "res_hnok" "res_mailok" "res_ownok" "res_mkquery" "res_nmkquery" "__res_dnok" "__res_hnok" "__res_mailok" "__res_ownok" "__res_mkquery" "__res_nmkquery" "__res_init" "__res_ninit" "__res_nclose" "__res_randomid" "__res_state" "__nss_hostname_digits_dots"
        = "make and check names and messages; nothing is sent";
    "_authenticate" "authdes_getucred" "authnone_create" "authunix_create*" "clnt_perr*" "clnt_sperr*" "clnt_pcreateerror" "clnt_spcreateerror" "clntraw_create"
    "svcraw_create" "svc_*" "svcerr_*" "svcfd_create" "svcunix*" "clntunix_create" "svcudp_enablecache" "_rpc_dtablesize"
    "__rpc_thread_*" "key_decryptsession*" "key_encryptsession*" "key_get_conv" "key_secretkey_is_set" "key_setnet" "key_setsecret"
    "xdr_key_netstres" = "RPC of old programs, over what the refused calls would have made";
    "pthread_a*" "pthread_b*" "pthread_cl*" "pthread_co*" "pthread_cr*" "pthread_d*" "pthread_e*" "pthread_g*" "pthread_j*" "pthread_k*" "pthread_m*"
    "pthread_o*" "pthread_r*" "pthread_self" "pthread_seta*" "pthread_setcancelstate" "pthread_setco*" "pthread_setn*" "pthread_sets*" "pthread_si*" "pthread_sp*"
    "pthread_t*" "pthread_y*" "__pthread_*" "_pthread_*" "thrd_*" "cnd_*" "tss_create" "timer_create" "__register_atfork"
        = "threads; what they block in is hooked, and so is what ends them there";
    "psignal" "gsignal" "sigemptyset" "sigisemptyset" "sigsetmask" "sigvec" = "signal masks and messages; sigvec(3) is of no program";
    "siglongjmp" "longjmp" "_longjmp" "__longjmp_chk" "__sigsetjmp" = "jump; the critical sections are made for that";
    "sethostid" "sethostname" = "set the host's, for which they need privilege";
    "__fdelt_*" = "count bits of fd_set";
};

const HOOKED: &str = concat!("dprintf\tasks\n", "__dprintf_chk\tasks\n");

const LEN: usize = LINES.len() + HOOKED.len() + LEFT.len();

/// Read from the file, never by the program.
#[used]
// SAFETY: a section of our own name, of bytes that nothing interprets.
#[unsafe(link_section = "rump_hooks")]
static LISTING: [u8; LEN] = {
    let mut all = [0; LEN];
    let (lines, rest) = all.split_at_mut(LINES.len());
    let (hooked, left) = rest.split_at_mut(HOOKED.len());
    lines.copy_from_slice(LINES.as_bytes());
    hooked.copy_from_slice(HOOKED.as_bytes());
    left.copy_from_slice(LEFT.as_bytes());
    all
};
