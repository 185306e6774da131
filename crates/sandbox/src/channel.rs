//! The socket between parent and init: packets that keep their edges and may carry descriptors.

use rustix::fd::{AsFd, OwnedFd};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, SocketType, recvmsg, sendmsg, socketpair,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;

/// No packet is longer; a longer message travels in several.
const PACKET: usize = 32 << 10;
/// A job's description is not longer than this.
const MESSAGE_MAX: usize = 4 << 20;
/// The word that starts the job.
pub(crate) const GO: &[u8] = b"go";

/// One packet as it arrived.
#[derive(Debug, Default)]
pub(crate) struct Packet {
    pub(crate) bytes: Vec<u8>,
    pub(crate) fds: Vec<OwnedFd>,
    /// The sender's process id, translated to the receiver's namespace by the kernel.
    pub(crate) pid: Option<rustix::process::Pid>,
}

/// A connected pair; both ends close on exec.
pub(crate) fn pair() -> rustix::io::Result<(OwnedFd, OwnedFd)> {
    socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)
}

/// Sends one packet with up to three descriptors.
pub(crate) fn send_packet(
    socket: impl AsFd,
    bytes: &[u8],
    fds: &[rustix::fd::BorrowedFd<'_>],
) -> Result<(), Errno> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(3))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !fds.is_empty() && !control.push(SendAncillaryMessage::ScmRights(fds)) {
        return Err(Errno::NOBUFS);
    }
    sendmsg(socket, &[IoSlice::new(bytes)], &mut control, SendFlags::NOSIGNAL)?;
    Ok(())
}

/// Receives one packet; `None` when the other end is gone.
pub(crate) fn recv_packet(socket: impl AsFd) -> Result<Option<Packet>, Errno> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(3), ScmCredentials(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut buffer = vec![0; PACKET];
    let got = loop {
        let iov = &mut [IoSliceMut::new(&mut buffer)];
        match recvmsg(&socket, iov, &mut control, RecvFlags::CMSG_CLOEXEC) {
            // Said once, before what is still queued, of an end that closed without reading all that it was sent.
            Err(Errno::CONNRESET) => {}
            other => break other?,
        }
    };
    if got.flags.contains(ReturnFlags::TRUNC) {
        return Err(Errno::MSGSIZE);
    }
    let mut packet = Packet::default();
    for message in control.drain() {
        match message {
            RecvAncillaryMessage::ScmRights(fds) => packet.fds.extend(fds),
            RecvAncillaryMessage::ScmCredentials(who) => packet.pid = Some(who.pid),
            _ => {}
        }
    }
    if got.bytes == 0 {
        return Ok(None);
    }
    buffer.truncate(got.bytes);
    packet.bytes = buffer;
    Ok(Some(packet))
}

/// The bytes of a message.
pub(crate) fn encode<T: Serialize>(message: &T) -> Result<Vec<u8>, Errno> {
    postcard::to_stdvec(message).map_err(|_| Errno::INVAL)
}

/// A message from its bytes.
pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Errno> {
    postcard::from_bytes(bytes).map_err(|_| Errno::BADMSG)
}

/// The packets of a long message: its length, then its bytes.
pub(crate) fn packets(message: &[u8]) -> impl Iterator<Item = Vec<u8>> + '_ {
    let head = u64::try_from(message.len()).unwrap_or(u64::MAX).to_le_bytes().to_vec();
    std::iter::once(head).chain(message.chunks(PACKET).map(<[u8]>::to_vec))
}

/// Reads a long message, blocking; `None` when the other end went away.
pub(crate) fn recv_long(socket: impl AsFd) -> Result<Option<Vec<u8>>, Errno> {
    let Some(head) = recv_packet(&socket)? else { return Ok(None) };
    let head: [u8; 8] = head.bytes.try_into().map_err(|_| Errno::BADMSG)?;
    let length = usize::try_from(u64::from_le_bytes(head)).map_err(|_| Errno::MSGSIZE)?;
    if length > MESSAGE_MAX {
        return Err(Errno::MSGSIZE);
    }
    let mut message = Vec::with_capacity(length);
    while message.len() < length {
        let Some(packet) = recv_packet(&socket)? else { return Ok(None) };
        message.extend_from_slice(&packet.bytes);
    }
    Ok(Some(message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_message_arrives_whole() {
        let (a, b) = pair().unwrap();
        let message = vec![7_u8; PACKET * 2 + 5];
        let sent = message.clone();
        let writer = std::thread::spawn(move || {
            for packet in packets(&sent) {
                send_packet(&a, &packet, &[]).unwrap();
            }
        });
        assert_eq!(recv_long(&b).unwrap(), Some(message));
        writer.join().unwrap();
        assert_eq!(recv_long(&b).unwrap(), None);
    }

    #[test]
    fn a_message_that_claims_too_much_is_refused() {
        let (a, b) = pair().unwrap();
        send_packet(&a, &u64::MAX.to_le_bytes(), &[]).unwrap();
        assert_eq!(recv_long(&b).unwrap_err(), Errno::MSGSIZE);
    }

    #[test]
    fn last_words_are_heard_though_the_speaker_did_not_listen() {
        let (a, b) = pair().unwrap();
        send_packet(&b, b"unread", &[]).unwrap();
        send_packet(&a, b"last words", &[]).unwrap();
        drop(a);
        assert_eq!(recv_packet(&b).unwrap().unwrap().bytes, b"last words");
        assert!(recv_packet(&b).unwrap().is_none());
    }

    #[test]
    fn descriptors_travel() {
        let (a, b) = pair().unwrap();
        let file = std::fs::File::open("/dev/null").unwrap();
        send_packet(&a, b"x", &[file.as_fd()]).unwrap();
        assert_eq!(recv_packet(&b).unwrap().unwrap().fds.len(), 1);
    }
}
