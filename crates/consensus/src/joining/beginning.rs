//! Whether a network has begun: asked by a validator that is to vote for the first time, before its first vote.
//!
//! **Purpose.** A share that was made just now has signed nothing, and a new network has to begin somehow. But a copy of that
//! directory looks the same later, when its share has voted. So the first vote needs more than the directory: the others
//! must say that nothing is final above its floor. Why so, and what it does not show: `specs/backup.md`.
//!
//! **Rule.** In each round all other validators are asked. It may vote when all have answered that nothing is final, or when at
//! the end of a round so many have that with it they are a quorum; nobody must have shown a certificate by then, and no
//! f + 1 must have heard a vote of it. Without so many nothing could become final anyway. Then it waits a while for the
//! missing, so that those who begin at the same time begin together: whoever comes after the first final block follows first.
//!
//! **Failures.** A validator whose certificate does not verify is blocked. While too few answer it asks on, and says so.
//!
//! **Limits.** As in [`super::sample`], on whose channel it asks: while it asks, it also answers there.

use super::sample::{Answering, Certificates, Message, Said, ask, own_newest, parse, until};
use crate::{runtime::Runtime, votes::Finalization};
use commonware_cryptography::ed25519::PublicKey;
use commonware_p2p::{Blocker, Receiver, Recipients, Sender, block};
use commonware_utils::{Faults as _, N3f1};
use std::collections::BTreeMap;

/// Rounds that a validator that may vote waits for those who have not answered yet.
const ROUNDS_TOGETHER: u32 = 10;
/// Rounds without enough answers between two lines in the log.
const ROUNDS_PER_COMPLAINT: u32 = 10;

/// What a validator that may vote believes of its earlier votes, and asks the others about first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beginning {
    /// Its share was made just now.
    NewShare,
    /// The operators of a quorum have agreed to go on above the floor, whatever was voted for above it.
    Agreed,
    /// It has voted before, and its vote journal has every vote; unless its data directory is an old copy
    /// (`joining::again`).
    Again,
}

/// What answers are held against.
pub(crate) struct Rule {
    pub(crate) beginning: Beginning,
    /// Certificate above which it would vote.
    pub(crate) floor: Option<Finalization>,
    /// The other validators.
    pub(crate) others: Vec<PublicKey>,
    /// Validators that must sign, this one counted.
    pub(crate) quorum: usize,
}

/// What is known before anybody is asked.
pub(crate) struct Before {
    pub(crate) rule: Rule,
    pub(crate) certificates: Certificates,
    /// For others that ask.
    pub(crate) answering: Answering,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// It may vote.
    Nothing,
    /// The network has begun, and this validator may have voted in it: the reason.
    Begun(String),
}

type Answers = BTreeMap<PublicKey, Said>;

impl Before {
    /// Asks until it is clear whether the network has begun. Everybody's latest answer counts.
    pub(crate) async fn look<E: Runtime>(
        &self,
        context: &mut E,
        (sender, receiver): &mut (impl Sender<PublicKey = PublicKey>, impl Receiver<PublicKey = PublicKey>),
        mut blocker: impl Blocker<PublicKey = PublicKey>,
    ) -> Found {
        if own_newest(&self.answering.marshal).await.is_some_and(|newest| self.rule.is_above(&newest)) {
            return Found::Begun("blocks are final in this data directory".into());
        }
        let others = &self.rule.others;
        let (mut answers, mut round, mut may_since) = (Answers::new(), 0u32, None);
        while !others.is_empty() {
            let end = context.current() + super::sample::ROUND;
            ask(sender, Recipients::Some(others.clone()));
            while let Some((peer, message)) = until(context, end, receiver).await {
                match parse(&message, others.contains(&peer)) {
                    Ok(Message::Question(question)) => {
                        self.answering.answer(context, sender, (peer.clone(), question), true).await;
                        // It was not there when all were asked.
                        if others.contains(&peer) && !answers.contains_key(&peer) {
                            ask(sender, Recipients::One(peer));
                        }
                    }
                    Ok(Message::Answer(said)) if self.certificates.verify(context, &said) => {
                        answers.insert(peer, said);
                        if answers.len() == others.len() && self.rule.judge(&answers) == Some(Found::Nothing) {
                            may_since = may_since.or(Some(round));
                        }
                    }
                    Ok(Message::Answer(_)) => {
                        block!(blocker, peer, "blocked a validator for a certificate that does not verify");
                    }
                    Ok(Message::Boundary(_) | Message::OwnVote(_) | Message::Other) => {}
                    Err(reason) => {
                        block!(blocker, peer, reason, "blocked a peer for a message that no honest node sends");
                    }
                }
            }
            let judged = self.rule.judge(&answers);
            match (may_since, judged) {
                (None, Some(begun @ Found::Begun(_))) => return begun,
                (None, Some(Found::Nothing)) => may_since = Some(round),
                (None, None) => self.rule.complain(round, answers.len()),
                // Others have begun since it was clear that nothing had.
                (Some(_), Some(Found::Begun(_))) => break,
                (Some(_), _) => {}
            }
            let together = may_since.is_some_and(|since| round >= since.saturating_add(ROUNDS_TOGETHER));
            if may_since.is_some() && (answers.len() == others.len() || together) {
                break;
            }
            round = round.saturating_add(1);
        }
        Found::Nothing
    }
}

impl Rule {
    /// What these answers say; `None` while they are too few.
    fn judge(&self, answers: &Answers) -> Option<Found> {
        if let Some((peer, _)) = answers.iter().find(|(_, said)| self.shows_more(said)) {
            return Some(Found::Begun(format!("validator {peer} has a certificate of a later block")));
        }
        let heard = answers.values().filter(|said| **said == Said::Heard).count();
        let lies_max = usize::try_from(N3f1::max_faults(self.others.len().saturating_add(1))).unwrap_or(usize::MAX);
        if self.beginning == Beginning::NewShare && heard > lies_max {
            return Some(Found::Begun(format!("{heard} validators have heard votes of this one")));
        }
        (answers.len().saturating_add(1) >= self.quorum).then_some(Found::Nothing)
    }

    fn shows_more(&self, said: &Said) -> bool {
        matches!(said, Said::Newest(newest) if self.is_above(newest))
    }

    fn is_above(&self, newest: &Finalization) -> bool {
        self.floor.as_ref().is_none_or(|floor| newest.round() > floor.round())
    }

    fn complain(&self, round: u32, answered: usize) {
        if round.saturating_add(1).is_multiple_of(ROUNDS_PER_COMPLAINT) {
            let needed = self.quorum.saturating_sub(1);
            tracing::warn!(
                answered,
                needed,
                "the first vote waits until so many other validators have said that the network has not begun: start them, or \
                 check the network between"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use commonware_cryptography::{Signer as _, ed25519::PrivateKey};

    fn rule(validators: u64, quorum: usize, beginning: Beginning) -> Rule {
        let others = (1..validators).map(|seed| PrivateKey::from_seed(seed).public_key()).collect();
        Rule { beginning, floor: None, others, quorum }
    }

    /// What it makes of so many answers that nothing is final, and so many that its votes were heard.
    fn judged(rule: &Rule, nothing: usize, heard: usize) -> Option<bool> {
        let said = std::iter::repeat_n(Said::Nothing, nothing).chain(std::iter::repeat_n(Said::Heard, heard));
        let judged = rule.judge(&rule.others.iter().cloned().zip(said).collect());
        judged.map(|found| found == Found::Nothing)
    }

    #[test]
    fn a_quorum_with_it_must_say_that_nothing_has_begun() {
        let four = rule(4, 3, Beginning::NewShare);
        assert_eq!([0, 1, 2, 3].map(|nothing| judged(&four, nothing, 0)), [None, None, Some(true), Some(true)]);
        let three = rule(3, 3, Beginning::NewShare);
        assert_eq!([0, 1, 2].map(|nothing| judged(&three, nothing, 0)), [None, None, Some(true)]);
        assert_eq!(judged(&rule(1, 1, Beginning::NewShare), 0, 0), Some(true), "nobody else is there");
    }

    #[test]
    fn who_was_heard_before_has_voted_and_one_liar_does_not_keep_anybody_out() {
        let four = rule(4, 3, Beginning::NewShare);
        assert_eq!([judged(&four, 2, 1), judged(&four, 1, 2), judged(&four, 0, 1)], [Some(true), Some(false), None]);
        // Where no validator may fail, none is thought to lie.
        assert_eq!(judged(&rule(3, 3, Beginning::NewShare), 1, 1), Some(false));
        assert_eq!(judged(&rule(4, 3, Beginning::Agreed), 0, 3), Some(true), "what was voted for is given up");
    }
}
