//! The newest certificate that f + 1 validators know of, asked for and answered on a channel of its own.
//!
//! **Messages.** One byte `00` asks. `01` answers that nothing is final here; `02` and an encoded finalisation answer with
//! the newest one; `03` answers that nothing is final here, and that votes of whoever asks were heard.
//!
//! **Limits.** One question a second to each validator, one answer kept of each. An answer is no longer than a
//! certificate may be. A validator that answers with what does not verify is blocked.

use crate::{
    application::Marshal,
    runtime::Runtime,
    sight::Sightings,
    votes::{Finalization, VoteScheme, of_engine},
};
use alloy_primitives::B256;
use commonware_codec::Encode as _;
use commonware_consensus::{Epochable as _, marshal::Identifier, types::Epoch};
use commonware_cryptography::ed25519::PublicKey;
use commonware_p2p::{Blocker, Receiver, Recipients, Sender, block};
use commonware_parallel::Sequential;
use commonware_runtime::IoBuf;
use commonware_utils::{Faults as _, N3f1};
use florin_proof::{CERTIFICATE_BYTES_MAX, decode_finalization};
use futures::{FutureExt as _, pin_mut, select_biased};
use std::{collections::BTreeMap, sync::Arc, time::Duration};

const ASK: u8 = 0;
const NOTHING_FINAL: u8 = 1;
const NEWEST: u8 = 2;
const HEARD: u8 = 3;
/// Bytes of the longest message.
pub(crate) const MESSAGE_BYTES_MAX: usize = CERTIFICATE_BYTES_MAX + 1;
/// Time between two questions.
pub(crate) const ROUND: Duration = Duration::from_secs(1);
/// Rounds without enough answers between two lines in the log.
const ROUNDS_PER_COMPLAINT: u32 = 10;

/// What each validator answered.
type Answers = BTreeMap<PublicKey, Said>;

/// Asks until f + 1 of a committee's other members have answered; gives the highest certificate among the answers, or
/// `None` where nothing is final yet. `validators` are the other members, `committee` is how many there are in all; `known` is
/// a certificate that this node has, if its copy was interrupted.
pub(crate) async fn newest<E: Runtime>(
    context: &mut E,
    scheme: &VoteScheme,
    (validators, committee): (&[PublicKey], usize),
    known: Option<&Finalization>,
    (sender, receiver): &mut (impl Sender<PublicKey = PublicKey>, impl Receiver<PublicKey = PublicKey>),
    mut blocker: impl Blocker<PublicKey = PublicKey>,
) -> Option<Finalization> {
    let enough = usize::try_from(N3f1::max_faults(committee)).unwrap_or(usize::MAX).saturating_add(1);
    let mut answers = Answers::new();
    let mut rounds = 0u32;
    while validators.len() >= enough {
        let end = context.current() + ROUND;
        ask(sender, Recipients::Some(validators.to_vec()));
        while let Some((peer, message)) = until(context, end, receiver).await {
            match parse(&message, validators.contains(&peer)) {
                // Whoever joins at the same time asks, too. No block is here.
                Ok(Message::Question) => {
                    sender.send(Recipients::One(peer), IoBuf::from(answer(known, false)), true);
                }
                Ok(Message::Answer(said)) if verifies(context, scheme, &said) => {
                    answers.insert(peer, said);
                }
                Ok(Message::Answer(_)) => {
                    block!(blocker, peer, "blocked a validator for a certificate that does not verify");
                }
                Ok(Message::Other) => {}
                Err(reason) => {
                    block!(blocker, peer, reason, "blocked a peer for a message that no honest node sends");
                }
            }
        }
        if answers.len() >= enough {
            break;
        }
        rounds = rounds.saturating_add(1);
        if rounds.is_multiple_of(ROUNDS_PER_COMPLAINT) {
            let (answered, needed) = (answers.len(), enough);
            tracing::warn!(answered, needed, "waiting for validators to say where the network stands");
        }
    }
    let newest = answers.into_values().filter_map(|said| match said {
        Said::Newest(newest) => Some(*newest),
        Said::Nothing | Said::Heard => None,
    });
    newest.max_by_key(|newest| newest.round())
}

/// An answer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Said {
    /// Nothing is final there.
    Nothing,
    /// Nothing is final there, and votes of whoever asked were heard.
    Heard,
    /// The newest certificate there.
    Newest(Box<Finalization>),
}

pub(crate) enum Message {
    Question,
    Answer(Said),
    /// An answer of somebody who was not asked.
    Other,
}

/// Asks.
pub(crate) fn ask(sender: &mut impl Sender<PublicKey = PublicKey>, recipients: Recipients<PublicKey>) {
    sender.send(recipients, IoBuf::from(vec![ASK]), true);
}

/// Reads a message of a validator or of another node.
pub(crate) fn parse(message: &[u8], from_validator: bool) -> Result<Message, String> {
    match message.split_first() {
        Some((&ASK, [])) => Ok(Message::Question),
        Some((&(NOTHING_FINAL | NEWEST | HEARD), _)) if !from_validator => Ok(Message::Other),
        Some((&NOTHING_FINAL, [])) => Ok(Message::Answer(Said::Nothing)),
        Some((&HEARD, [])) => Ok(Message::Answer(Said::Heard)),
        Some((&NEWEST, bytes)) => {
            let newest = decode_finalization(bytes).map_err(|error| error.to_string())?;
            Ok(Message::Answer(Said::Newest(Box::new(of_engine(newest)))))
        }
        _ => Err(format!("{} bytes that are no question and no answer", message.len())),
    }
}

/// Decodes what another node might send on this channel; says whether it is a question. For fuzzers.
#[doc(hidden)]
pub fn decode_sample(message: &[u8]) -> Result<bool, String> {
    parse(message, true).map(|message| matches!(message, Message::Question))
}

/// Whether an answer is what it says.
pub(crate) fn verifies<E: Runtime>(context: &mut E, scheme: &VoteScheme, said: &Said) -> bool {
    let Said::Newest(newest) = said else { return true };
    newest.epoch() == Epoch::zero() && !newest.round().view().is_zero() && newest.verify(context, scheme, &Sequential)
}

/// The next message before `end`.
pub(crate) async fn until<E: Runtime>(
    context: &E,
    end: std::time::SystemTime,
    receiver: &mut impl Receiver<PublicKey = PublicKey>,
) -> Option<(PublicKey, Vec<u8>)> {
    let message = receiver.recv().fuse();
    let over = context.sleep_until(end).fuse();
    pin_mut!(message, over);
    select_biased! {
        message = message => match message {
            Ok((peer, message)) => Some((peer, message.as_ref().to_vec())),
            // The network stops, and this node with it.
            Err(_) => {
                over.await;
                None
            }
        },
        () = over => None,
    }
}

/// The newest certificate of this node, if anything is final here.
pub(crate) async fn own_newest(marshal: &Marshal) -> Option<Finalization> {
    let (height, _) = marshal.get_info(Identifier::Latest).await?;
    marshal.get_finalization(height).await
}

/// What this node answers to a peer.
pub(crate) async fn answer_to(peer: &PublicKey, marshal: &Marshal, sightings: &Sightings) -> IoBuf {
    let newest = own_newest(marshal).await;
    let heard = sightings.heard_ms(&B256::from_slice(peer.as_ref())).is_some();
    IoBuf::from(answer(newest.as_ref(), heard))
}

fn answer(newest: Option<&Finalization>, heard: bool) -> Vec<u8> {
    match newest {
        Some(newest) => [&[NEWEST][..], newest.encode().as_ref()].concat(),
        None if heard => vec![HEARD],
        None => vec![NOTHING_FINAL],
    }
}

/// Answers other nodes, for ever.
pub(crate) async fn keep_answering(
    marshal: Marshal,
    sightings: Arc<Sightings>,
    (mut sender, mut receiver): (impl Sender<PublicKey = PublicKey>, impl Receiver<PublicKey = PublicKey>),
    mut blocker: impl Blocker<PublicKey = PublicKey>,
) {
    while let Ok((peer, message)) = receiver.recv().await {
        match parse(message.as_ref(), false) {
            Ok(Message::Question) => {
                let answer = answer_to(&peer, &marshal, &sightings).await;
                sender.send(Recipients::One(peer), answer, false);
            }
            Ok(_) => {}
            Err(reason) => {
                block!(blocker, peer, reason, "blocked a peer for a message that no honest node sends");
            }
        }
    }
}
