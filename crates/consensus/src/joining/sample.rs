//! The newest certificate that f + 1 validators know of, and with what an epoch began, asked for and answered on a channel of
//! its own.
//!
//! **Messages.** One byte `00` asks where the network stands. `01` answers that nothing is final here; `02` and an encoded
//! finalisation answer with the newest one; `03` answers that nothing is final here, and that votes of whoever asks were
//! heard. `04` and the number of an epoch (eight bytes, big-endian) ask with what it began; `05` and a [`Boundary`] answer that.
//! `06` asks for the latest vote that was heard of whoever asks; `07` answers that, with the vote and its signature, or nothing
//! after it. Who does not know does not answer.
//!
//! **Limits.** One question a second to each that is asked, one answer kept of each. An answer is no longer than a
//! certificate, or a boundary, may be. Who is asked and answers with what does not verify is blocked.

use super::boundary::{self, Boundary};
use crate::{
    application::Marshal,
    evidence::Witness,
    runtime::Runtime,
    sight::Sightings,
    votes::{Finalization, VoteScheme, of_engine},
};
use alloy_primitives::B256;
use commonware_codec::Encode as _;
use commonware_consensus::{Epochable as _, marshal::Identifier};
use commonware_cryptography::ed25519::PublicKey;
use commonware_p2p::{Blocker, Receiver, Recipients, Sender, block};
use commonware_parallel::Sequential;
use commonware_runtime::{Clock, IoBuf};
use commonware_utils::{Faults as _, N3f1};
use florin_proof::{CERTIFICATE_BYTES_MAX, decode_finalization};
use florin_types::SignedVote;
use futures::{FutureExt as _, pin_mut, select_biased};
use std::{collections::BTreeMap, num::NonZeroU64, sync::Arc, time::Duration};

const ASK: u8 = 0;
const NOTHING_FINAL: u8 = 1;
const NEWEST: u8 = 2;
const HEARD: u8 = 3;
const ASK_BOUNDARY: u8 = 4;
const BOUNDARY: u8 = 5;
const ASK_VOTE: u8 = 6;
const VOTE: u8 = 7;
/// Bytes of the longest message.
pub(crate) const MESSAGE_BYTES_MAX: usize =
    1 + if CERTIFICATE_BYTES_MAX > boundary::BYTES_MAX { CERTIFICATE_BYTES_MAX } else { boundary::BYTES_MAX };
/// Time between two questions.
pub(crate) const ROUND: Duration = Duration::from_secs(1);
/// Rounds without enough answers between two lines in the log.
const ROUNDS_PER_COMPLAINT: u32 = 10;

/// What each validator answered.
type Answers = BTreeMap<PublicKey, Said>;

/// Whom a node asks that joins.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) nodes: Vec<PublicKey>,
    /// Answers among which one is honest.
    enough: usize,
}

impl Asked {
    /// These of a committee of so many, of whom less than a third may lie.
    pub(crate) fn new(nodes: Vec<PublicKey>, committee: usize) -> Self {
        let enough = usize::try_from(N3f1::max_faults(committee)).unwrap_or(usize::MAX).saturating_add(1);
        Self { nodes, enough }
    }
}

/// Asks until enough have answered; gives the highest certificate among the answers, or `None` where nothing is final yet.
/// `known` is a certificate that this node has, if its copy was interrupted.
pub(crate) async fn newest<E: Runtime>(
    context: &mut E,
    certificates: &Certificates,
    Asked { nodes: validators, enough }: &Asked,
    known: Option<&Finalization>,
    (sender, receiver): &mut (impl Sender<PublicKey = PublicKey>, impl Receiver<PublicKey = PublicKey>),
    mut blocker: impl Blocker<PublicKey = PublicKey>,
) -> Option<Finalization> {
    let mut answers = Answers::new();
    let mut rounds = 0u32;
    while validators.len() >= *enough {
        let end = context.current() + ROUND;
        ask(sender, Recipients::Some(validators.clone()));
        while let Some((peer, message)) = until(context, end, receiver).await {
            match parse(&message, validators.contains(&peer)) {
                // Whoever joins at the same time asks, too. No block is here.
                Ok(Message::Question(Question::Newest)) => {
                    sender.send(Recipients::One(peer), Said::of(known, false).encode(), true);
                }
                Ok(Message::Answer(said)) if certificates.verify(context, &said) => {
                    answers.insert(peer, said);
                }
                Ok(Message::Answer(_)) => {
                    block!(blocker, peer, "blocked a validator for a certificate that does not verify");
                }
                Ok(
                    Message::Question(Question::Boundary(_) | Question::OwnVote)
                    | Message::Boundary(_)
                    | Message::OwnVote(_)
                    | Message::Other,
                ) => {}
                Err(reason) => {
                    block!(blocker, peer, reason, "blocked a peer for a message that no honest node sends");
                }
            }
        }
        if answers.len() >= *enough {
            break;
        }
        rounds = rounds.saturating_add(1);
        if rounds.is_multiple_of(ROUNDS_PER_COMPLAINT) {
            let (answered, needed) = (answers.len(), *enough);
            tracing::warn!(
                answered,
                needed,
                "waiting for nodes to say where the network stands: are they up and reachable, and does network.contacts name enough of \
                 them?"
            );
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

impl Said {
    fn of(newest: Option<&Finalization>, heard: bool) -> Self {
        match newest {
            Some(newest) => Self::Newest(Box::new(newest.clone())),
            None if heard => Self::Heard,
            None => Self::Nothing,
        }
    }

    pub(crate) fn encode(&self) -> IoBuf {
        IoBuf::from(match self {
            Self::Nothing => vec![NOTHING_FINAL],
            Self::Heard => vec![HEARD],
            Self::Newest(newest) => [&[NEWEST][..], newest.encode().as_ref()].concat(),
        })
    }
}

/// What a node asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Question {
    /// Where the network stands.
    Newest,
    /// With what this epoch began.
    Boundary(u64),
    /// The latest vote that was heard of whoever asks.
    OwnVote,
}

impl Question {
    fn encode(self) -> Vec<u8> {
        match self {
            Self::Newest => vec![ASK],
            Self::Boundary(epoch) => [&[ASK_BOUNDARY][..], &epoch.to_be_bytes()].concat(),
            Self::OwnVote => vec![ASK_VOTE],
        }
    }
}

pub(crate) enum Message {
    Question(Question),
    Answer(Said),
    Boundary(Box<Boundary>),
    /// The latest vote of this node that was heard there, if any was.
    OwnVote(Option<SignedVote>),
    /// An answer of somebody who was not asked.
    Other,
}

/// Asks where the network stands.
pub(crate) fn ask(sender: &mut impl Sender<PublicKey = PublicKey>, recipients: Recipients<PublicKey>) {
    ask_for(Question::Newest, sender, recipients);
}

/// Asks.
pub(crate) fn ask_for(
    question: Question,
    sender: &mut impl Sender<PublicKey = PublicKey>,
    recipients: Recipients<PublicKey>,
) {
    sender.send(recipients, IoBuf::from(question.encode()), true);
}

/// Reads a message of a node that was asked or of another one.
pub(crate) fn parse(message: &[u8], was_asked: bool) -> Result<Message, String> {
    match message.split_first() {
        Some((&ASK, [])) => Ok(Message::Question(Question::Newest)),
        Some((&ASK_BOUNDARY, epoch)) => {
            let epoch: [u8; 8] = epoch.try_into().map_err(|_| format!("an epoch of {} bytes", epoch.len()))?;
            Ok(Message::Question(Question::Boundary(u64::from_be_bytes(epoch))))
        }
        Some((&ASK_VOTE, [])) => Ok(Message::Question(Question::OwnVote)),
        Some((&(NOTHING_FINAL | NEWEST | HEARD | BOUNDARY | VOTE), _)) if !was_asked => Ok(Message::Other),
        Some((&NOTHING_FINAL, [])) => Ok(Message::Answer(Said::Nothing)),
        Some((&HEARD, [])) => Ok(Message::Answer(Said::Heard)),
        Some((&NEWEST, bytes)) => {
            let newest = decode_finalization(bytes).map_err(|error| error.to_string())?;
            Ok(Message::Answer(Said::Newest(Box::new(of_engine(newest)))))
        }
        Some((&BOUNDARY, bytes)) => Ok(Message::Boundary(Box::new(Boundary::decode(bytes)?))),
        Some((&VOTE, [])) => Ok(Message::OwnVote(None)),
        Some((&VOTE, bytes)) => {
            Ok(Message::OwnVote(Some(SignedVote::decode(bytes).map_err(|error| error.to_string())?)))
        }
        _ => Err(format!("{} bytes that are no question and no answer", message.len())),
    }
}

/// Decodes what another node might send on this channel; says whether it is a question. For fuzzers.
#[doc(hidden)]
pub fn decode_sample(message: &[u8]) -> Result<bool, String> {
    parse(message, true).map(|message| matches!(message, Message::Question(_)))
}

/// What certificates of others are held against.
#[derive(Clone)]
pub(crate) struct Certificates {
    pub(crate) scheme: VoteScheme,
    /// Whether there is more than one epoch.
    pub(crate) epochs: bool,
}

impl Certificates {
    /// Whether an answer is what it says.
    pub(crate) fn verify<E: Runtime>(&self, context: &mut E, said: &Said) -> bool {
        let Said::Newest(newest) = said else { return true };
        let of_an_epoch = self.epochs || newest.epoch().is_zero();
        of_an_epoch && !newest.round().view().is_zero() && newest.verify(context, &self.scheme, &Sequential)
    }
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

/// From what this node answers others. Clones share it.
#[derive(Clone)]
pub(crate) struct Answering {
    pub(crate) marshal: Marshal,
    pub(crate) sightings: Arc<Sightings>,
    /// Who remembers votes.
    pub(crate) witness: Witness,
    /// Blocks of an epoch, where there are epochs.
    pub(crate) epoch_blocks: Option<NonZeroU64>,
}

impl Answering {
    /// What this node answers to a peer, if it knows.
    async fn to(&self, clock: &impl Clock, peer: &PublicKey, question: Question) -> Option<IoBuf> {
        let key = B256::from_slice(peer.as_ref());
        match question {
            Question::Newest => {
                let newest = own_newest(&self.marshal).await;
                let heard = self.sightings.heard_ms(&key).is_some();
                Some(Said::of(newest.as_ref(), heard).encode())
            }
            Question::Boundary(epoch) => {
                let boundary = Boundary::read(&self.marshal, boundary::last_before(epoch, self.epoch_blocks?)?).await?;
                Some(IoBuf::from([&[BOUNDARY][..], &boundary.encode()].concat()))
            }
            Question::OwnVote => {
                // It does not vote before it has answers, but it is there.
                self.sightings.hear(key, crate::clock::now_ms(clock));
                let latest = self.witness.latest(&key).map(|vote| vote.encode()).unwrap_or_default();
                Some(IoBuf::from([&[VOTE][..], &latest].concat()))
            }
        }
    }

    /// Answers a peer, if this node knows what it asks; `urgent` before what else waits to be sent.
    pub(crate) async fn answer(
        &self,
        clock: &impl Clock,
        sender: &mut impl Sender<PublicKey = PublicKey>,
        (peer, question): (PublicKey, Question),
        urgent: bool,
    ) {
        if let Some(answer) = self.to(clock, &peer, question).await {
            sender.send(Recipients::One(peer), answer, urgent);
        }
    }
}

/// Answers other nodes, for ever.
pub(crate) async fn keep_answering(
    clock: impl Clock,
    answering: Answering,
    (mut sender, mut receiver): (impl Sender<PublicKey = PublicKey>, impl Receiver<PublicKey = PublicKey>),
    mut blocker: impl Blocker<PublicKey = PublicKey>,
) {
    while let Ok((peer, message)) = receiver.recv().await {
        match parse(message.as_ref(), false) {
            Ok(Message::Question(question)) => {
                answering.answer(&clock, &mut sender, (peer, question), false).await;
            }
            Ok(_) => {}
            Err(reason) => {
                block!(blocker, peer, reason, "blocked a peer for a message that no honest node sends");
            }
        }
    }
}
