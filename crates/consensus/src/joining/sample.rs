//! The newest certificate that f + 1 validators know of, asked for and answered on a channel of its own.
//!
//! **Messages.** One byte `00` asks. `01` answers that nothing is final here; `02` and an encoded finalisation answer with
//! the newest one.
//!
//! **Limits.** One question a second to each validator, one answer kept of each. An answer is no longer than a
//! certificate may be. A validator that answers with what does not verify is blocked.

use crate::{application::Marshal, runtime::Runtime};
use commonware_codec::Encode as _;
use commonware_consensus::{Epochable as _, marshal::Identifier, types::Epoch};
use commonware_cryptography::ed25519::PublicKey;
use commonware_p2p::{Blocker, Receiver, Recipients, Sender, block};
use commonware_parallel::Sequential;
use commonware_runtime::{Handle, IoBuf};
use commonware_utils::{Faults as _, N3f1};
use florin_proof::{CERTIFICATE_BYTES_MAX, Finalization, Scheme, decode_finalization};
use futures::{FutureExt as _, pin_mut, select_biased};
use std::{collections::BTreeMap, time::Duration};

const ASK: u8 = 0;
const NOTHING_FINAL: u8 = 1;
const NEWEST: u8 = 2;
/// Bytes of the longest message.
pub(crate) const MESSAGE_BYTES_MAX: usize = CERTIFICATE_BYTES_MAX + 1;
/// Time between two questions.
const ROUND: Duration = Duration::from_secs(1);
/// Rounds without enough answers between two lines in the log.
const ROUNDS_PER_COMPLAINT: u32 = 10;

/// What one validator answered: its newest certificate, if anything is final there.
type Answers = BTreeMap<PublicKey, Option<Finalization>>;

/// Asks until f + 1 of a committee's other members have answered; gives the highest certificate among the answers, or
/// `None` where nothing is final yet. `validators` are the other members, `committee` is how many there are in all.
pub(crate) async fn newest<E: Runtime>(
    context: &mut E,
    scheme: &Scheme,
    (validators, committee): (&[PublicKey], usize),
    (sender, receiver): &mut (impl Sender<PublicKey = PublicKey>, impl Receiver<PublicKey = PublicKey>),
    mut blocker: impl Blocker<PublicKey = PublicKey>,
) -> Option<Finalization> {
    let enough = usize::try_from(N3f1::max_faults(committee)).unwrap_or(usize::MAX).saturating_add(1);
    let mut answers = Answers::new();
    let mut rounds = 0u32;
    while validators.len() >= enough {
        sender.send(Recipients::Some(validators.to_vec()), IoBuf::from(vec![ASK]), true);
        let end = context.current() + ROUND;
        while let Some((peer, message)) = until(context, end, receiver).await {
            match answer(&message, validators.contains(&peer)) {
                // Whoever joins at the same time asks, too. Nothing is final here.
                Ok(Message::Question) => {
                    sender.send(Recipients::One(peer), IoBuf::from(vec![NOTHING_FINAL]), true);
                }
                Ok(Message::Answer(newest)) if verifies(context, scheme, newest.as_deref()) => {
                    answers.insert(peer, newest.map(|newest| *newest));
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
    answers.into_values().flatten().max_by_key(|newest| newest.round())
}

enum Message {
    Question,
    Answer(Option<Box<Finalization>>),
    /// An answer of somebody who was not asked.
    Other,
}

fn answer(message: &[u8], from_validator: bool) -> Result<Message, String> {
    match message.split_first() {
        Some((&ASK, [])) => Ok(Message::Question),
        Some((&(NOTHING_FINAL | NEWEST), _)) if !from_validator => Ok(Message::Other),
        Some((&NOTHING_FINAL, [])) => Ok(Message::Answer(None)),
        Some((&NEWEST, bytes)) => {
            let newest = decode_finalization(bytes).map_err(|error| error.to_string())?;
            Ok(Message::Answer(Some(Box::new(newest))))
        }
        _ => Err(format!("{} bytes that are no question and no answer", message.len())),
    }
}

/// Decodes what another node might send on this channel; says whether it is a question. For fuzzers.
#[doc(hidden)]
pub fn decode_sample(message: &[u8]) -> Result<bool, String> {
    answer(message, true).map(|message| matches!(message, Message::Question))
}

fn verifies<E: Runtime>(context: &mut E, scheme: &Scheme, newest: Option<&Finalization>) -> bool {
    newest.is_none_or(|newest| {
        newest.epoch() == Epoch::zero()
            && !newest.round().view().is_zero()
            && newest.verify(context, scheme, &Sequential)
    })
}

/// The next message before `end`.
async fn until<E: Runtime>(
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

/// Answers other nodes, for ever.
pub(crate) fn start_answering<E: Runtime>(
    context: E,
    marshal: Marshal,
    (mut sender, mut receiver): (impl Sender<PublicKey = PublicKey>, impl Receiver<PublicKey = PublicKey>),
    mut blocker: impl Blocker<PublicKey = PublicKey> + Sync,
) -> Handle<()> {
    context.spawn(move |_| async move {
        while let Ok((peer, message)) = receiver.recv().await {
            match answer(message.as_ref(), false) {
                Ok(Message::Question) => {
                    let mut answer = vec![NOTHING_FINAL];
                    if let Some((height, _)) = marshal.get_info(Identifier::Latest).await
                        && let Some(newest) = marshal.get_finalization(height).await
                    {
                        answer = vec![NEWEST];
                        answer.extend_from_slice(&newest.encode());
                    }
                    sender.send(Recipients::One(peer), IoBuf::from(answer), false);
                }
                Ok(_) => {}
                Err(reason) => {
                    block!(blocker, peer, reason, "blocked a peer for a message that no honest node sends");
                }
            }
        }
    })
}
