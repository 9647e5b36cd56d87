//! Sockets. Nothing is sent to anybody.

use std::{
    net::{Ipv4Addr, UdpSocket},
    os::unix::net::{UnixListener, UnixStream},
    path::Path,
};

use nix::{errno::Errno, libc};

use super::{
    super::{
        call::syscall,
        facility::{Facility, KnownOfLambda},
    },
    support::{done, errno},
};

use KnownOfLambda::{Denied, Varies, Works};

pub(crate) const FACILITIES: &[Facility] = &[
    Facility::new("socketpair", Works, |_| {
        done(syscall!(SYS_socketpair, libc::AF_UNIX, libc::SOCK_STREAM, 0, &mut [0_u8; 8]))
    }),
    Facility::new("path sockets in the temporary directory", Works, path_socket)
        .needed_for("a container's output, where named pipes are denied")
        .without("Programs that talk through sockets in the file system fail (databases, X, ssh-agent)."),
    Facility::new("AF_INET6", Varies, |_| socket(libc::AF_INET6, libc::SOCK_DGRAM, 0))
        .without("Stores and registries that have IPv6 addresses only cannot be reached; servers that bind to :: fail."),
    Facility::new("port below 1024", Denied, |_| low_port())
        .let_through(&[Errno::EADDRINUSE, Errno::EADDRNOTAVAIL])
        .without("Servers cannot bind to ports below 1024: give them a higher one."),
    Facility::new("raw socket", Denied, |_| socket(libc::AF_INET, libc::SOCK_RAW, libc::IPPROTO_ICMP))
        .without("ping and traceroute do not work."),
    Facility::new("AF_PACKET", Denied, |_| {
        // Protocol 0 takes no packets.
        socket(libc::AF_PACKET, libc::SOCK_RAW, 0)
    })
    .without("tcpdump and other programs that look at packets do not work."),
];

fn socket(family: i32, kind: i32, protocol: i32) -> Result<(), Errno> {
    done(syscall!(
        SYS_socket,
        family,
        kind | libc::SOCK_CLOEXEC,
        protocol
    ))
}

/// One that nobody sends to, on this machine alone.
fn low_port() -> Result<(), Errno> {
    let bound = UdpSocket::bind((Ipv4Addr::LOCALHOST, 1023));
    bound.map(drop).map_err(|error| errno(&error))
}

fn path_socket(directory: &Path) -> Result<(), Errno> {
    let path = directory.join("socket");
    let listening = UnixListener::bind(&path).map_err(|error| errno(&error))?;
    let connected = UnixStream::connect(&path).map_err(|error| errno(&error));
    drop(listening);
    done(connected)
}
