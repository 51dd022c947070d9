//! Machines of the network that do what no honest machine does. Up to a third of the validators may.

use crate::cluster::Channel;
use commonware_cryptography::ed25519::PublicKey;
use commonware_p2p::{Receiver as _, Recipients, Sender as _};
use commonware_runtime::{Clock as _, IoBuf, Spawner as _, Supervisor as _, deterministic::Context};
use rand::RngExt as _;
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
    time::Duration,
};

/// How a machine betrays the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Treason {
    /// Two programs run with its key and share; each talks to some of the others, so that it proposes and votes for
    /// different blocks at once.
    Equivocates {
        /// Machines that only the first of the two talks to.
        first: BTreeSet<usize>,
        /// Machines that only the second talks to. All others hear both.
        second: BTreeSet<usize>,
    },
    /// Sends garbage: random bytes, as much as a message may hold, and what it heard before: again, changed, cut off.
    Garbage,
    /// Says nothing.
    Silent,
    /// Answers those who copy the state with what another says, changed in its last byte, and does nothing else.
    WrongState,
    /// Hears of no transaction, so that its blocks have none.
    Censors,
}

/// Messages remembered, to be sent again.
const REMEMBERED: usize = 64;
/// Bytes of the largest piece of garbage.
const GARBAGE_BYTES_MAX: usize = 256 * 1_024;

/// Sends garbage on every channel until it is stopped.
pub(crate) async fn send_garbage(context: Context, channels: Vec<Channel>, peers: Arc<[PublicKey]>) {
    for (mut sender, mut receiver) in channels {
        let (heard, hearing) = (Arc::new(parking_lot::Mutex::new(VecDeque::<IoBuf>::new())), context.child("hearing"));
        let remembered = heard.clone();
        hearing.spawn(move |_| async move {
            while let Ok((_, message)) = receiver.recv().await {
                let mut remembered = remembered.lock();
                remembered.truncate(REMEMBERED - 1);
                remembered.push_front(message);
            }
        });
        let (mut talking, peers) = (context.child("talking"), peers.clone());
        context.child("garbage").spawn(move |_| async move {
            loop {
                let pause_ms = talking.random_range(20..=500);
                talking.sleep(Duration::from_millis(pause_ms)).await;
                let old = heard.lock().get(talking.random_range(0..REMEMBERED)).cloned();
                let message = garbage(&mut talking, old.as_ref().map(|message| message.as_ref()));
                let to = match peers.get(talking.random_range(0..=peers.len())) {
                    Some(peer) => Recipients::One(peer.clone()),
                    None => Recipients::All,
                };
                sender.send(to, message, talking.random_bool(0.5));
            }
        });
    }
}

/// Hands out the state as `honest` has it, but for one bit.
pub(crate) async fn hand_out_wrong_state((mut sender, mut receiver): Channel, honest: PublicKey) {
    let mut asking: BTreeMap<Vec<u8>, PublicKey> = BTreeMap::new();
    while let Ok((peer, message)) = receiver.recv().await {
        let mut message = message.as_ref().to_vec();
        // A message begins with its number; an answer has that of its question.
        let number = message.get(..8).unwrap_or_default().to_vec();
        if peer != honest {
            asking.insert(number, peer);
            sender.send(Recipients::One(honest.clone()), IoBuf::from(message), false);
        } else if let Some(peer) = asking.remove(&number) {
            message.last_mut().into_iter().for_each(|byte| *byte ^= 1);
            sender.send(Recipients::One(peer), IoBuf::from(message), false);
        }
    }
}

/// Something that no honest machine sends now.
fn garbage(dice: &mut Context, heard: Option<&[u8]>) -> Vec<u8> {
    let bytes_max = if dice.random_bool(0.02) { GARBAGE_BYTES_MAX } else { 512 };
    let random = |dice: &mut Context| {
        let length = dice.random_range(0..=bytes_max);
        (0..length).map(|_| dice.random::<u8>()).collect::<Vec<u8>>()
    };
    let Some(mut message) = heard.map(<[u8]>::to_vec).filter(|message| !message.is_empty()) else {
        return random(dice);
    };
    match dice.random_range(0..5) {
        0 => return random(dice),
        1 => message.truncate(dice.random_range(0..message.len())),
        2 => message.extend(random(dice)),
        3 => {
            let at = dice.random_range(0..message.len());
            message[at] ^= 1 << dice.random_range(0..8);
        }
        _ => {}
    }
    message
}
