//! Tells a peer that is slow from one that is no longer there, while bytes wait in the kernel.
//!
//! `TCP_USER_TIMEOUT` cannot: the kernel also ends a connection by it whose peer answers every probe and merely reads nothing for that
//! long, and with it goes what the kernel holds. Without it a peer that is gone is noticed after a quarter of an hour. But the kernel
//! counts what was sent again without any answer, and shows the count in its table of sockets: a slow peer's is always near zero.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::fd::AsFd;

/// So many times sent again, each time after twice the time, is some ten seconds on a fast network and more on a slow one.
const UNANSWERED: u32 = 5;

/// Whether the peer has left several repetitions in a row unanswered. `false` where the kernel does not tell.
pub fn is_dead(socket: impl AsFd) -> bool {
    let Ok(inode) = rustix::fs::fstat(socket).map(|stat| stat.st_ino) else { return false };
    ["/proc/self/net/tcp", "/proc/self/net/tcp6"].into_iter().any(|table| {
        File::open(table)
            .is_ok_and(|table| unanswered(BufReader::new(table), inode).is_some_and(|times| times >= UNANSWERED))
    })
}

/// The socket's count of repetitions and of probes that nobody answered, whichever is larger.
fn unanswered(table: impl BufRead, inode: u64) -> Option<u32> {
    // sl local remote state tx:rx timer:when retransmits uid probes inode ...
    table.lines().map_while(Result::ok).find_map(|line| {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let [_, _, _, _, _, _, retransmits, _, probes, found, ..] = fields[..] else { return None };
        if found.parse() != Ok(inode) {
            return None;
        }
        Some(u32::from_str_radix(retransmits, 16).ok()?.max(probes.parse().ok()?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_table_is_read() {
        let table = "\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1A2B 0100007F:9C40 01 00000000:00000000 00:00000000 00000000     0        0 77 1 0000000000000000 20 4 30 10 -1
   1: 0100007F:1A2C 0100007F:9C41 01 0003F2A0:00000000 01:00000A3C 0000000A     0        0 78 2 0000000000000000 20 4 30 10 -1
   2: 0100007F:1A2D 0100007F:9C42 01 0003F2A0:00000000 04:00000A3C 00000000     0        6 79 2 0000000000000000 20 4 30 10 -1
";
        let of = |inode| unanswered(table.as_bytes(), inode);
        assert_eq!([of(77), of(78), of(79), of(80)], [Some(0), Some(10), Some(6), None]);
    }

    #[test]
    fn a_peer_that_only_does_not_read_is_alive() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("bound");
        let socket = std::net::TcpStream::connect(listener.local_addr().expect("an address")).expect("connected");
        assert!(!is_dead(&socket));
    }
}
