#![allow(unsafe_code, clippy::too_many_arguments)]
//! Every hooked function: its name and C signature, how it is answered ([`crate::hook`]), and by what.
//!
//! To add a function, add a row here, a function beside similar ones, and a test. Other names of a call (`64`, `__`, `_chk`) have
//! rows of their own, since each has its own host function.
//!
//! What is not here, and why, is in [`crate::listing`].

use crate::hook::{INSIDE_LIBC, hooks};
use crate::names::asynchronous::{self, Event, Request};
use crate::names::resolv::{self, State};
use crate::names::{gethost, hostname, interfaces};
use crate::stdio::{self, reopen};
use crate::user::{Argument, In, InBytes, Mapped, Out, OutBytes};
use crate::{
    alternate_stack, background, control, descriptors, files, indirect, loader, mapping, message, names, options,
    process, readiness, signals, socket, sources, splice, transfer,
};
use libc::{
    DIR, FILE, Lmid_t, addrinfo, epoll_event, hostent, if_nameindex, ifaddrs, iovec, mmsghdr, msghdr, nfds_t, pollfd,
    siginfo_t, sigset_t, size_t, sockaddr_in, socklen_t, ssize_t, stack_t, timespec, timeval, utsname,
};
use std::ffi::{c_char, c_int, c_long, c_uint, c_ulong, c_void};

hooks! {
    // What a socket is and whom it talks to.
    socket(domain: c_int, kind: c_int, protocol: c_int) -> c_int = opens socket::socket;
    bind(fd: c_int, name: InBytes, len: socklen_t) -> c_int = asks socket::bind;
    connect(fd: c_int, name: InBytes, len: socklen_t) -> c_int = asks socket::connect, point;
    __connect(fd: c_int, name: InBytes, len: socklen_t) -> c_int = asks socket::connect, point;
    bindresvport(fd: c_int, name: Out<sockaddr_in>) -> c_int = asks socket::bindresvport;
    listen(fd: c_int, backlog: c_int) -> c_int = asks socket::listen;
    accept(fd: c_int, name: OutBytes, len: Out<socklen_t>) -> c_int = opens socket::accept, point;
    accept4(fd: c_int, name: OutBytes, len: Out<socklen_t>, flags: c_int) -> c_int = opens socket::accept4, point;
    shutdown(fd: c_int, how: c_int) -> c_int = asks socket::shutdown;
    getsockname(fd: c_int, name: OutBytes, len: Out<socklen_t>) -> c_int = asks socket::getsockname;
    getpeername(fd: c_int, name: OutBytes, len: Out<socklen_t>) -> c_int = asks socket::getpeername;
    getsockopt(fd: c_int, level: c_int, name: c_int, value: OutBytes, len: Out<socklen_t>
    ) -> c_int = asks options::getsockopt;
    setsockopt(fd: c_int, level: c_int, name: c_int, value: OutBytes, len: socklen_t
    ) -> c_int = asks options::setsockopt;
    setipv4sourcefilter(fd: c_int, interface: c_uint, group: c_uint, mode: c_uint, count: c_uint, list: InBytes
    ) -> c_int = asks sources::setipv4sourcefilter;
    getipv4sourcefilter(
        fd: c_int, interface: c_uint, group: c_uint, mode: Out<c_uint>, count: Out<c_uint>, list: OutBytes
    ) -> c_int = asks sources::getipv4sourcefilter;
    setsourcefilter(
        fd: c_int, interface: c_uint, group: InBytes, group_len: socklen_t, mode: c_uint, count: c_uint, list: InBytes
    ) -> c_int = asks sources::setsourcefilter;
    getsourcefilter(
        fd: c_int, interface: c_uint, group: InBytes, group_len: socklen_t, mode: Out<c_uint>, count: Out<c_uint>, list: OutBytes
    ) -> c_int = asks sources::getsourcefilter;

    // Bytes.
    send(fd: c_int, buf: InBytes, len: size_t, flags: c_int) -> ssize_t = asks transfer::send, point;
    __send(fd: c_int, buf: InBytes, len: size_t, flags: c_int) -> ssize_t = asks transfer::send, point;
    sendto(fd: c_int, buf: InBytes, len: size_t, flags: c_int, name: InBytes, name_len: socklen_t
    ) -> ssize_t = asks transfer::sendto, point;
    recv(fd: c_int, buf: OutBytes, len: size_t, flags: c_int) -> ssize_t = asks transfer::recv, point;
    __recv_chk(fd: c_int, buf: OutBytes, len: size_t, space: size_t, flags: c_int) -> ssize_t = asks transfer::recv_chk, point;
    recvfrom(fd: c_int, buf: OutBytes, len: size_t, flags: c_int, name: OutBytes, name_len: Out<socklen_t>
    ) -> ssize_t = replaces transfer::recvfrom, point;
    __recvfrom_chk(
        fd: c_int, buf: OutBytes, len: size_t, space: size_t, flags: c_int, name: OutBytes, name_len: Out<socklen_t>
    ) -> ssize_t = replaces transfer::recvfrom_chk, point;
    read(fd: c_int, buf: OutBytes, len: size_t) -> ssize_t = asks transfer::read, point;
    __read(fd: c_int, buf: OutBytes, len: size_t) -> ssize_t = asks transfer::read, point;
    __read_chk(fd: c_int, buf: OutBytes, len: size_t, space: size_t) -> ssize_t = asks transfer::read_chk, point;
    write(fd: c_int, buf: InBytes, len: size_t) -> ssize_t = asks transfer::write, point;
    __write(fd: c_int, buf: InBytes, len: size_t) -> ssize_t = asks transfer::write, point;
    readv(fd: c_int, vectors: In<iovec>, count: c_int) -> ssize_t = asks transfer::readv, point;
    writev(fd: c_int, vectors: In<iovec>, count: c_int) -> ssize_t = asks transfer::writev, point;
    preadv2(fd: c_int, vectors: In<iovec>, count: c_int, offset: i64, flags: c_int) -> ssize_t = asks transfer::preadv2, point;
    preadv64v2(fd: c_int, vectors: In<iovec>, count: c_int, offset: i64, flags: c_int
    ) -> ssize_t = asks transfer::preadv2, point;
    pwritev2(fd: c_int, vectors: In<iovec>, count: c_int, offset: i64, flags: c_int
    ) -> ssize_t = asks transfer::pwritev2, point;
    pwritev64v2(fd: c_int, vectors: In<iovec>, count: c_int, offset: i64, flags: c_int
    ) -> ssize_t = asks transfer::pwritev2, point;
    sendfile(to: c_int, from: c_int, offset: Out<i64>, len: size_t) -> ssize_t = asks transfer::sendfile;
    sendfile64(to: c_int, from: c_int, offset: Out<i64>, len: size_t) -> ssize_t = asks transfer::sendfile;
    splice(from: c_int, from_offset: Out<i64>, to: c_int, to_offset: Out<i64>, len: size_t, flags: c_uint
    ) -> ssize_t = asks splice::splice, point;

    // Messages.
    sendmsg(fd: c_int, message: Out<msghdr>, flags: c_int) -> ssize_t = asks message::sendmsg, point;
    sendmmsg(fd: c_int, messages: Out<mmsghdr>, len: c_uint, flags: c_int) -> c_int = asks message::sendmmsg, point;
    __sendmmsg(fd: c_int, messages: Out<mmsghdr>, len: c_uint, flags: c_int) -> c_int = asks message::sendmmsg, point;
    recvmsg(fd: c_int, message: Out<msghdr>, flags: c_int) -> ssize_t = replaces message::recvmsg, point;
    recvmmsg(fd: c_int, messages: Out<mmsghdr>, len: c_uint, flags: c_int, timeout: Out<timespec>
    ) -> c_int = replaces message::recvmmsg, point;

    // Descriptors.
    close(fd: c_int) -> c_int = asks descriptors::close, point;
    __close(fd: c_int) -> c_int = asks descriptors::close, point;
    close_range(first: c_uint, last: c_uint, flags: c_int) -> c_int = asks descriptors::close_range;
    closefrom(first: c_int) -> () = asks descriptors::closefrom;
    dup(old: c_int) -> c_int = after descriptors::dup;
    dup2(old: c_int, new: c_int) -> c_int = asks descriptors::dup2;
    __dup2(old: c_int, new: c_int) -> c_int = asks descriptors::dup2;
    dup3(old: c_int, new: c_int, flags: c_int) -> c_int = asks descriptors::dup3;
    fcntl(fd: c_int, command: c_int, argument: Argument) -> c_int = asks descriptors::fcntl;
    fcntl64(fd: c_int, command: c_int, argument: Argument) -> c_int = asks descriptors::fcntl;
    __fcntl(fd: c_int, command: c_int, argument: Argument) -> c_int = asks descriptors::fcntl;
    ioctl(fd: c_int, request: c_ulong, argument: Argument) -> c_int = asks control::ioctl;
    sockatmark(fd: c_int) -> c_int = asks control::sockatmark;
    mmap(at: Argument, len: size_t, protection: c_int, flags: c_int, fd: c_int, offset: i64) -> Mapped = replaces mapping::mmap;
    mmap64(at: Argument, len: size_t, protection: c_int, flags: c_int, fd: c_int, offset: i64) -> Mapped = replaces mapping::mmap;

    // Waiting for many.
    poll(fds: Out<pollfd>, count: nfds_t, timeout: c_int) -> c_int = asks readiness::poll, point;
    __poll(fds: Out<pollfd>, count: nfds_t, timeout: c_int) -> c_int = asks readiness::poll, point;
    __poll_chk(fds: Out<pollfd>, count: nfds_t, timeout: c_int, space: size_t) -> c_int = asks readiness::poll_chk, point;
    ppoll(fds: Out<pollfd>, count: nfds_t, timeout: In<timespec>, mask: In<sigset_t>) -> c_int = asks readiness::ppoll, point;
    __ppoll_chk(fds: Out<pollfd>, count: nfds_t, timeout: In<timespec>, mask: In<sigset_t>, space: size_t
    ) -> c_int = asks readiness::ppoll_chk, point;
    select(nfds: c_int, read: Out<c_ulong>, write: Out<c_ulong>, except: Out<c_ulong>, timeout: Out<timeval>
    ) -> c_int = asks readiness::select, point;
    __select(nfds: c_int, read: Out<c_ulong>, write: Out<c_ulong>, except: Out<c_ulong>, timeout: Out<timeval>
    ) -> c_int = asks readiness::select, point;
    pselect(
        nfds: c_int, read: Out<c_ulong>, write: Out<c_ulong>, except: Out<c_ulong>, timeout: In<timespec>,
        mask: In<sigset_t>
    ) -> c_int = asks readiness::pselect, point;
    epoll_create(size: c_int) -> c_int = asks readiness::epoll_create;
    epoll_create1(flags: c_int) -> c_int = asks readiness::epoll_create1;
    epoll_ctl(set: c_int, operation: c_int, fd: c_int, event: In<epoll_event>) -> c_int = asks readiness::epoll_ctl;
    epoll_wait(set: c_int, events: Out<epoll_event>, max: c_int, timeout: c_int
    ) -> c_int = replaces readiness::epoll_wait, point;
    epoll_pwait(set: c_int, events: Out<epoll_event>, max: c_int, timeout: c_int, mask: In<sigset_t>
    ) -> c_int = replaces readiness::epoll_pwait, point;
    epoll_pwait2(set: c_int, events: Out<epoll_event>, max: c_int, timeout: In<timespec>, mask: In<sigset_t>
    ) -> c_int = replaces readiness::epoll_pwait2, point;

    // Calls that make a descriptor.
    open(path: In<c_char>, flags: c_int, mode: Argument) -> c_int = opens files::open;
    open64(path: In<c_char>, flags: c_int, mode: Argument) -> c_int = opens files::open;
    __open(path: In<c_char>, flags: c_int, mode: Argument) -> c_int = opens files::open;
    __open64(path: In<c_char>, flags: c_int, mode: Argument) -> c_int = opens files::open;
    __open_2(path: In<c_char>, flags: c_int) -> c_int = opens files::open_2;
    __open64_2(path: In<c_char>, flags: c_int) -> c_int = opens files::open_2;
    openat(directory: c_int, path: In<c_char>, flags: c_int, mode: Argument) -> c_int = opens files::openat;
    openat64(directory: c_int, path: In<c_char>, flags: c_int, mode: Argument) -> c_int = opens files::openat;
    __openat_2(directory: c_int, path: In<c_char>, flags: c_int) -> c_int = opens files::openat_2;
    __openat64_2(directory: c_int, path: In<c_char>, flags: c_int) -> c_int = opens files::openat_2;
    creat(path: In<c_char>, mode: c_uint) -> c_int = makes descriptors::made;
    creat64(path: In<c_char>, mode: c_uint) -> c_int = makes descriptors::made;
    open_by_handle_at(mount: c_int, handle: OutBytes, flags: c_int) -> c_int = makes descriptors::made;
    mkstemp(path: Out<c_char>) -> c_int = makes descriptors::made;
    mkstemp64(path: Out<c_char>) -> c_int = makes descriptors::made;
    mkostemp(path: Out<c_char>, flags: c_int) -> c_int = makes descriptors::made;
    mkostemp64(path: Out<c_char>, flags: c_int) -> c_int = makes descriptors::made;
    mkstemps(path: Out<c_char>, suffix: c_int) -> c_int = makes descriptors::made;
    mkstemps64(path: Out<c_char>, suffix: c_int) -> c_int = makes descriptors::made;
    mkostemps(path: Out<c_char>, suffix: c_int, flags: c_int) -> c_int = makes descriptors::made;
    mkostemps64(path: Out<c_char>, suffix: c_int, flags: c_int) -> c_int = makes descriptors::made;
    mq_open(name: In<c_char>, flags: c_int, mode: Argument, attributes: Argument) -> c_int = makes descriptors::made;
    __mq_open_2(name: In<c_char>, flags: c_int) -> c_int = makes descriptors::made;
    fsopen(name: In<c_char>, flags: c_uint) -> c_int = makes descriptors::made;
    fspick(directory: c_int, path: In<c_char>, flags: c_uint) -> c_int = makes descriptors::made;
    fsmount(fs: c_int, flags: c_uint, attributes: c_uint) -> c_int = makes descriptors::made;
    open_tree(directory: c_int, path: In<c_char>, flags: c_uint) -> c_int = makes descriptors::made;
    shm_open(name: In<c_char>, flags: c_int, mode: c_uint) -> c_int = makes descriptors::made;
    memfd_create(name: In<c_char>, flags: c_uint) -> c_int = makes descriptors::made;
    eventfd(value: c_uint, flags: c_int) -> c_int = makes descriptors::made;
    signalfd(fd: c_int, mask: In<sigset_t>, flags: c_int) -> c_int = makes descriptors::made;
    timerfd_create(clock: c_int, flags: c_int) -> c_int = makes descriptors::made;
    inotify_init() -> c_int = makes descriptors::made;
    inotify_init1(flags: c_int) -> c_int = makes descriptors::made;
    fanotify_init(flags: c_uint, event_flags: c_uint) -> c_int = makes descriptors::made;
    posix_openpt(flags: c_int) -> c_int = makes descriptors::made;
    getpt() -> c_int = makes descriptors::made;
    pidfd_open(pid: c_int, flags: c_uint) -> c_int = makes descriptors::made;
    pidfd_getfd(pidfd: c_int, fd: c_int, flags: c_uint) -> c_int = makes descriptors::made;
    pipe(ends: Out<c_int>) -> c_int = after descriptors::pipe;
    __pipe(ends: Out<c_int>) -> c_int = after descriptors::pipe;
    pipe2(ends: Out<c_int>, flags: c_int) -> c_int = after descriptors::pipe2;
    socketpair(domain: c_int, kind: c_int, protocol: c_int, ends: Out<c_int>) -> c_int = after descriptors::socketpair;
    openpty(master: Out<c_int>, slave: Out<c_int>, name: Out<c_char>, terminal: In<c_void>, window: In<c_void>
    ) -> c_int = after descriptors::openpty;

    // Streams.
    fdopen(fd: c_int, mode: In<c_char>) -> Out<FILE> = asks stdio::fdopen;
    _IO_fdopen(fd: c_int, mode: In<c_char>) -> Out<FILE> = asks stdio::fdopen;
    fclose(stream: Out<FILE>) -> c_int = replaces stdio::fclose;
    fopen(path: In<c_char>, mode: In<c_char>) -> Out<FILE> = replaces files::fopen;
    fopen64(path: In<c_char>, mode: In<c_char>) -> Out<FILE> = replaces files::fopen64;
    freopen(path: In<c_char>, mode: In<c_char>, stream: Out<FILE>) -> Out<FILE> = replaces reopen::freopen;
    freopen64(path: In<c_char>, mode: In<c_char>, stream: Out<FILE>) -> Out<FILE> = replaces reopen::freopen64;
    tmpfile() -> Out<FILE> = makes stdio::made;
    tmpfile64() -> Out<FILE> = makes stdio::made;
    popen(command: In<c_char>, mode: In<c_char>) -> Out<FILE> = makes stdio::made;
    _IO_popen(command: In<c_char>, mode: In<c_char>) -> Out<FILE> = makes stdio::made;
    opendir(path: In<c_char>) -> Out<DIR> = makes stdio::directory;
    vdprintf(fd: c_int, format: In<c_char>, arguments: Argument) -> c_int = asks stdio::vdprintf, point;
    __vdprintf_chk(fd: c_int, flag: c_int, format: In<c_char>, arguments: Argument) -> c_int = asks stdio::vdprintf_chk, point;

    // Names.
    getaddrinfo(node: In<c_char>, service: In<c_char>, hints: In<addrinfo>, into: Out<*mut addrinfo>) -> c_int = tells names::addrinfo::getaddrinfo, point;
    freeaddrinfo(chain: Out<addrinfo>) -> () = asks names::addrinfo::freeaddrinfo;
    getaddrinfo_a(mode: c_int, list: In<Out<Request>>, count: c_int, event: In<Event>) -> c_int = tells asynchronous::getaddrinfo_a;
    getnameinfo(name: InBytes, len: socklen_t, node: Out<c_char>, node_len: socklen_t, service: Out<c_char>, service_len: socklen_t, flags: c_int) -> c_int = tells names::nameinfo::getnameinfo, point;
    gethostbyname(name: In<c_char>) -> *mut hostent = tells gethost::gethostbyname, point;
    gethostbyname2(name: In<c_char>, family: c_int) -> *mut hostent = tells gethost::gethostbyname2, point;
    gethostbyaddr(address: InBytes, len: socklen_t, family: c_int) -> *mut hostent = tells gethost::gethostbyaddr, point;
    gethostbyname_r(name: In<c_char>, into: Out<hostent>, buf: OutBytes, len: size_t, result: Out<*mut hostent>, error: Out<c_int>) -> c_int = tells gethost::gethostbyname_r, point;
    gethostbyname2_r(name: In<c_char>, family: c_int, into: Out<hostent>, buf: OutBytes, len: size_t, result: Out<*mut hostent>, error: Out<c_int>) -> c_int = tells gethost::gethostbyname2_r, point;
    gethostbyaddr_r(address: InBytes, address_len: socklen_t, family: c_int, into: Out<hostent>, buf: OutBytes, len: size_t, result: Out<*mut hostent>, error: Out<c_int>) -> c_int = tells gethost::gethostbyaddr_r, point;
    sethostent(stay_open: c_int) -> () = asks gethost::sethostent;
    gethostent() -> *mut hostent = tells gethost::gethostent;
    gethostent_r(into: Out<hostent>, buf: OutBytes, len: size_t, result: Out<*mut hostent>, error: Out<c_int>) -> c_int = tells gethost::gethostent_r;
    endhostent() -> () = asks gethost::endhostent;
    gethostname(into: OutBytes, len: size_t) -> c_int = asks hostname::gethostname;
    __gethostname_chk(into: OutBytes, len: size_t, space: size_t) -> c_int = asks hostname::gethostname_chk;
    uname(into: Out<utsname>) -> c_int = after hostname::uname;
    gethostid() -> ssize_t = asks hostname::gethostid;

    // DNS messages.
    res_query(name: In<c_char>, class: c_int, kind: c_int, into: OutBytes, len: c_int) -> c_int = asks resolv::query, point;
    res_search(name: In<c_char>, class: c_int, kind: c_int, into: OutBytes, len: c_int) -> c_int = asks resolv::search, point;
    res_querydomain(name: In<c_char>, domain: In<c_char>, class: c_int, kind: c_int, into: OutBytes, len: c_int) -> c_int = asks resolv::querydomain, point;
    res_send(message: InBytes, message_len: c_int, into: OutBytes, len: c_int) -> c_int = asks resolv::send, point;
    res_nquery(state: State, name: In<c_char>, class: c_int, kind: c_int, into: OutBytes, len: c_int) -> c_int = asks resolv::nquery, point;
    res_nsearch(state: State, name: In<c_char>, class: c_int, kind: c_int, into: OutBytes, len: c_int) -> c_int = asks resolv::nsearch, point;
    res_nquerydomain(state: State, name: In<c_char>, domain: In<c_char>, class: c_int, kind: c_int, into: OutBytes, len: c_int) -> c_int = asks resolv::nquerydomain, point;
    res_nsend(state: State, message: InBytes, message_len: c_int, into: OutBytes, len: c_int) -> c_int = asks resolv::nsend, point;
    __res_query(name: In<c_char>, class: c_int, kind: c_int, into: OutBytes, len: c_int) -> c_int = asks resolv::query, point;
    __res_search(name: In<c_char>, class: c_int, kind: c_int, into: OutBytes, len: c_int) -> c_int = asks resolv::search, point;
    __res_querydomain(name: In<c_char>, domain: In<c_char>, class: c_int, kind: c_int, into: OutBytes, len: c_int) -> c_int = asks resolv::querydomain, point;
    __res_send(message: InBytes, message_len: c_int, into: OutBytes, len: c_int) -> c_int = asks resolv::send, point;
    __res_nquery(state: State, name: In<c_char>, class: c_int, kind: c_int, into: OutBytes, len: c_int) -> c_int = asks resolv::nquery, point;
    __res_nsearch(state: State, name: In<c_char>, class: c_int, kind: c_int, into: OutBytes, len: c_int) -> c_int = asks resolv::nsearch, point;
    __res_nquerydomain(state: State, name: In<c_char>, domain: In<c_char>, class: c_int, kind: c_int, into: OutBytes, len: c_int) -> c_int = asks resolv::nquerydomain, point;
    __res_nsend(state: State, message: InBytes, message_len: c_int, into: OutBytes, len: c_int) -> c_int = asks resolv::nsend, point;

    // Interfaces.
    getifaddrs(into: Out<*mut ifaddrs>) -> c_int = asks interfaces::getifaddrs;
    freeifaddrs(chain: Out<ifaddrs>) -> () = asks interfaces::freeifaddrs;
    if_nametoindex(name: In<c_char>) -> c_uint = asks interfaces::if_nametoindex;
    if_indextoname(index: c_uint, into: Out<c_char>) -> Out<c_char> = asks interfaces::if_indextoname;
    if_nameindex() -> *mut if_nameindex = asks interfaces::if_nameindex;
    if_freenameindex(array: Out<if_nameindex>) -> () = asks interfaces::if_freenameindex;

    // The r-commands, of which libc makes the sockets (and asks for the names) itself.
    rcmd(host: Out<*mut c_char>, port: c_uint, local: In<c_char>, remote: In<c_char>, command: In<c_char>, second: Out<c_int>) -> c_int = refuses INSIDE_LIBC;
    rcmd_af(host: Out<*mut c_char>, port: c_uint, local: In<c_char>, remote: In<c_char>, command: In<c_char>, second: Out<c_int>, family: c_uint) -> c_int = refuses INSIDE_LIBC;
    rexec(host: Out<*mut c_char>, port: c_int, user: In<c_char>, password: In<c_char>, command: In<c_char>, second: Out<c_int>) -> c_int = refuses INSIDE_LIBC;
    rexec_af(host: Out<*mut c_char>, port: c_int, user: In<c_char>, password: In<c_char>, command: In<c_char>, second: Out<c_int>, family: c_uint) -> c_int = refuses INSIDE_LIBC;
    rresvport(port: Out<c_int>) -> c_int = refuses INSIDE_LIBC;
    rresvport_af(port: Out<c_int>, family: c_uint) -> c_int = refuses INSIDE_LIBC;
    ruserok(host: In<c_char>, superuser: c_int, remote: In<c_char>, local: In<c_char>) -> c_int = refuses INSIDE_LIBC;
    ruserok_af(host: In<c_char>, superuser: c_int, remote: In<c_char>, local: In<c_char>, family: c_uint) -> c_int = refuses INSIDE_LIBC;

    iruserok(address: c_uint, superuser: c_int, remote: In<c_char>, local: In<c_char>) -> c_int = refuses INSIDE_LIBC;
    iruserok_af(address: In<c_void>, superuser: c_int, remote: In<c_char>, local: In<c_char>, family: c_uint) -> c_int = refuses INSIDE_LIBC;
    __ivaliduser(hosts: Out<FILE>, address: c_uint, local: In<c_char>, remote: In<c_char>) -> c_int = refuses INSIDE_LIBC;

    // Sun's RPC of programs that were linked long ago, of which libc makes the sockets too. (libtirpc's, of today's, calls socket(2).)
    callrpc(host: In<c_char>, program: c_ulong, version: c_ulong, procedure: c_ulong, encode: In<c_void>, argument: In<c_void>, decode: In<c_void>, result: Out<c_void>) -> c_int = refuses INSIDE_LIBC;
    clnt_broadcast(program: c_ulong, version: c_ulong, procedure: c_ulong, encode: In<c_void>, argument: In<c_void>, decode: In<c_void>, result: Out<c_void>, each: In<c_void>) -> c_int = refuses INSIDE_LIBC;
    clnt_create(host: In<c_char>, program: c_ulong, version: c_ulong, protocol: In<c_char>) -> Out<c_void> = refuses INSIDE_LIBC;
    clnttcp_create(address: In<c_void>, program: c_ulong, version: c_ulong, fd: Out<c_int>, send: c_uint, receive: c_uint) -> Out<c_void> = refuses INSIDE_LIBC;
    clntudp_create(address: In<c_void>, program: c_ulong, version: c_ulong, seconds: c_long, micros: c_long, fd: Out<c_int>) -> Out<c_void> = refuses INSIDE_LIBC;
    clntudp_bufcreate(address: In<c_void>, program: c_ulong, version: c_ulong, seconds: c_long, micros: c_long, fd: Out<c_int>, send: c_uint, receive: c_uint) -> Out<c_void> = refuses INSIDE_LIBC;
    svctcp_create(fd: c_int, send: c_uint, receive: c_uint) -> Out<c_void> = refuses INSIDE_LIBC;
    svcudp_create(fd: c_int) -> Out<c_void> = refuses INSIDE_LIBC;
    svcudp_bufcreate(fd: c_int, send: c_uint, receive: c_uint) -> Out<c_void> = refuses INSIDE_LIBC;
    registerrpc(program: c_ulong, version: c_ulong, procedure: c_ulong, function: In<c_void>, decode: In<c_void>, encode: In<c_void>) -> c_int = refuses INSIDE_LIBC;
    pmap_getmaps(address: In<c_void>) -> Out<c_void> = refuses INSIDE_LIBC;
    pmap_getport(address: In<c_void>, program: c_ulong, version: c_ulong, protocol: c_uint) -> c_uint = refuses INSIDE_LIBC;
    pmap_rmtcall(address: In<c_void>, program: c_ulong, version: c_ulong, procedure: c_ulong, encode: In<c_void>, argument: In<c_void>, decode: In<c_void>, result: Out<c_void>, seconds: c_long, micros: c_long, port: Out<c_ulong>) -> c_int = refuses INSIDE_LIBC;
    pmap_set(program: c_ulong, version: c_ulong, protocol: c_int, port: c_uint) -> c_uint = refuses INSIDE_LIBC;
    pmap_unset(program: c_ulong, version: c_ulong) -> c_uint = refuses INSIDE_LIBC;
    getrpcport(host: In<c_char>, program: c_ulong, version: c_ulong, protocol: c_uint) -> c_uint = refuses INSIDE_LIBC;
    authdes_create(name: In<c_char>, window: c_uint, address: In<c_void>, key: In<c_void>) -> Out<c_void> = refuses INSIDE_LIBC;
    authdes_pk_create(name: In<c_char>, public: In<c_void>, window: c_uint, address: In<c_void>, key: In<c_void>) -> Out<c_void> = refuses INSIDE_LIBC;
    get_myaddress(into: Out<c_void>) -> () = refuses INSIDE_LIBC;
    key_gendes(key: Out<c_void>) -> c_int = refuses INSIDE_LIBC;
    rtime(address: In<sockaddr_in>, time: Out<c_uint>, timeout: In<c_uint>) -> c_int = refuses INSIDE_LIBC;

    // Input and output in the background: libc's threads would read and write the descriptor past us.
    aio_read(control: In<c_int>) -> c_int = asks background::one;
    aio_read64(control: In<c_int>) -> c_int = asks background::one;
    aio_write(control: In<c_int>) -> c_int = asks background::one;
    aio_write64(control: In<c_int>) -> c_int = asks background::one;
    lio_listio(mode: c_int, list: In<Out<c_int>>, count: c_int, event: In<c_void>) -> c_int = asks background::list;
    lio_listio64(mode: c_int, list: In<Out<c_int>>, count: c_int, event: In<c_void>) -> c_int = asks background::list;

    // By number.
    syscall(number: ssize_t, a: Argument, b: Argument, c: Argument, d: Argument, e: Argument, f: Argument) -> ssize_t = replaces indirect::syscall;

    // Ways to libc's functions past the hooks.
    dlopen(file: In<c_char>, flags: c_int) -> *mut c_void = passes loader::dlopen;
    dlmopen(namespace: Lmid_t, file: In<c_char>, flags: c_int) -> *mut c_void = passes loader::dlmopen;
    dlsym(handle: *mut c_void, name: In<c_char>) -> *mut c_void = passes loader::dlsym;
    dlvsym(handle: *mut c_void, name: In<c_char>, version: In<c_char>) -> *mut c_void = passes loader::dlvsym;

    // Threads.
    pthread_cancel(thread: c_ulong) -> c_int = replaces process::pthread_cancel;
    pthread_setcanceltype(kind: c_int, old: Out<c_int>) -> c_int = replaces process::pthread_setcanceltype;

    // Signals.
    sigaction(signal: c_int, new: In<libc::sigaction>, old: Out<libc::sigaction>) -> c_int = asks signals::sigaction;
    __sigaction(signal: c_int, new: In<libc::sigaction>, old: Out<libc::sigaction>) -> c_int = asks signals::sigaction;
    signal(signal: c_int, handler: size_t) -> size_t = asks signals::signal;
    bsd_signal(signal: c_int, handler: size_t) -> size_t = asks signals::signal;
    ssignal(signal: c_int, handler: size_t) -> size_t = asks signals::signal;
    sysv_signal(signal: c_int, handler: size_t) -> size_t = asks signals::sysv_signal;
    __sysv_signal(signal: c_int, handler: size_t) -> size_t = asks signals::sysv_signal;
    sigset(signal: c_int, handler: size_t) -> size_t = asks signals::sigset;
    sigwaitinfo(set: In<sigset_t>, info: Out<siginfo_t>) -> c_int = after signals::sigwaitinfo, point;
    sigtimedwait(set: In<sigset_t>, info: Out<siginfo_t>, timeout: In<timespec>) -> c_int = after signals::sigtimedwait, point;
    sigaltstack(new: In<stack_t>, old: Out<stack_t>) -> c_int = after alternate_stack::sigaltstack;
    siginterrupt(signal: c_int, on: c_int) -> c_int = after signals::siginterrupt;

    // The process. fork(3), daemon(3) and forkpty(3) run the handlers that `process` registers.
    _Fork() -> c_int = replaces process::bare_fork;
    _exit(status: c_int) -> () = replaces process::exit_now;
    _Exit(status: c_int) -> () = replaces process::exit_now;
}
