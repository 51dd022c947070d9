//! Whether this disk remembers all votes of its validator: asked by one that has voted before, before it votes again.
//!
//! **Purpose.** A copy of a data directory that is put back later, with the vote journal of then, looks like a node that was
//! stopped. It would vote again in views in which it has voted: evidence against an honest bank. But others have heard those votes.
//!
//! **Rule.** All other validators are asked for the latest vote that they have heard of this one, with its signature. It votes once all
//! have answered, or so many that with it they are a quorum and a round has passed, and no vote that they have shown is missing in the
//! journal ([`OwnVotes`]) above the floor; after a minute it votes in any case. One vote is enough against it: nobody else can sign it.
//!
//! **What it does not show.** Who was started again has forgotten what it heard. Where all have been, nobody knows.
//!
//! **Limits.** As in [`super::sample`], on whose channel it asks: while it asks, it also answers there.

use super::{
    beginning::Found,
    sample::{Answering, Message, Question, ROUND, ask_for, parse, until},
};
use crate::{journal::OwnVotes, runtime::Runtime};
use alloy_primitives::B256;
use commonware_cryptography::ed25519::PublicKey;
use commonware_p2p::{Blocker, Receiver, Recipients, Sender, block};
use florin_types::SignedVote;
use std::collections::BTreeSet;

/// Rounds without enough answers between two lines in the log.
const ROUNDS_PER_COMPLAINT: u32 = 10;
/// Rounds after which it votes although too few have answered: agreement needs a quorum somewhere, not direct links from here, and a
/// network must not stand still for a question.
const ROUNDS_MAX: u32 = 60;
/// Rounds in which those are waited for that have not answered, when enough others have: one of them alone may know.
const ROUNDS_TOGETHER: u32 = 1;

/// What is known before anybody is asked.
pub(crate) struct Again {
    pub(crate) rule: Rule,
    /// For others that ask.
    pub(crate) answering: Answering,
}

/// What answers are held against.
pub(crate) struct Rule {
    /// This validator.
    pub(crate) me: B256,
    /// The network's chain id, and the hash of its first block.
    pub(crate) network: (u64, B256),
    /// View at or below which nothing is voted for.
    pub(crate) floor: u64,
    pub(crate) own: OwnVotes,
    /// The other validators.
    pub(crate) others: Vec<PublicKey>,
    /// Validators that must sign, this one counted.
    pub(crate) quorum: usize,
}

impl Again {
    /// Asks until it is clear whether this disk is the latest, or nobody can tell.
    pub(crate) async fn look<E: Runtime>(
        &self,
        context: &mut E,
        (sender, receiver): &mut (impl Sender<PublicKey = PublicKey>, impl Receiver<PublicKey = PublicKey>),
        mut blocker: impl Blocker<PublicKey = PublicKey>,
    ) -> Found {
        let rule = &self.rule;
        let (mut answered, mut round, mut together) = (BTreeSet::<PublicKey>::new(), 0u32, 0u32);
        while answered.len() < rule.others.len() {
            if rule.is_enough(answered.len()) {
                if together == ROUNDS_TOGETHER {
                    return Found::Nothing;
                }
                together = together.saturating_add(1);
            } else if round >= ROUNDS_MAX {
                tracing::warn!(
                    answered = answered.len(),
                    "too few other validators have said which votes of this one they heard last: it votes as far as its own vote journal knows"
                );
                return Found::Nothing;
            }
            let end = context.current() + ROUND;
            let missing = rule.others.iter().filter(|other| !answered.contains(*other)).cloned().collect();
            ask_for(Question::OwnVote, sender, Recipients::Some(missing));
            while answered.len() < rule.others.len()
                && let Some((peer, message)) = until(context, end, receiver).await
            {
                let is_other = rule.others.contains(&peer);
                match parse(&message, is_other) {
                    Ok(Message::Question(question)) => {
                        self.answering.answer(context, sender, (peer.clone(), question), true).await;
                        // It was not there when all were asked.
                        if is_other && !answered.contains(&peer) {
                            ask_for(Question::OwnVote, sender, Recipients::One(peer));
                        }
                    }
                    Ok(Message::OwnVote(heard)) => {
                        if let Some(vote) = heard.filter(|vote| rule.is_forgotten(vote)) {
                            return Found::Begun(format!(
                                "validator {peer} has heard a vote of this one in view {} that is not in its vote journal: the data \
                                 directory is an old copy, or has lost what was written",
                                vote.vote.view
                            ));
                        }
                        answered.insert(peer);
                    }
                    Ok(Message::Answer(_) | Message::Boundary(_) | Message::Other) => {}
                    Err(reason) => {
                        block!(blocker, peer, reason, "blocked a peer for a message that no honest node sends");
                    }
                }
            }
            round = round.saturating_add(1);
            if round.is_multiple_of(ROUNDS_PER_COMPLAINT) && !rule.is_enough(answered.len()) {
                let (answered, needed) = (answered.len(), rule.quorum.saturating_sub(1));
                tracing::warn!(
                    answered,
                    needed,
                    "this validator votes again when so many others have said which of its votes they heard last: start them, or check the \
                     network between"
                );
            }
        }
        Found::Nothing
    }
}

impl Rule {
    fn is_enough(&self, answered: usize) -> bool {
        answered.saturating_add(1) >= self.quorum
    }

    /// Whether this validator cast a vote that its disk does not know.
    fn is_forgotten(&self, vote: &SignedVote) -> bool {
        let (view, (chain_id, genesis_hash)) = (vote.vote.view, self.network);
        view > self.floor
            && vote.vote.epoch == 0
            && !self.own.includes(view, vote.vote.kind)
            && vote.is_by(self.me, chain_id, genesis_hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::NodeSecret;
    use commonware_cryptography::{Signer as _, ed25519::PrivateKey};
    use florin_types::{NodeVote, VoteKind};

    fn rule(secret: &NodeSecret, validators: u64, quorum: usize) -> Rule {
        let others = (1..validators).map(|seed| PrivateKey::from_seed(seed).public_key()).collect();
        let own = OwnVotes::of(9, &[(7, VoteKind::Notarize), (9, VoteKind::Notarize)]);
        Rule { me: secret.public_key(), network: (1, B256::ZERO), floor: 3, own, others, quorum }
    }

    fn vote(secret: &NodeSecret, kind: VoteKind, view: u64) -> SignedVote {
        let vote = match kind {
            VoteKind::Nullify => NodeVote::nullify(0, view),
            _ => NodeVote { kind, epoch: 0, view, parent_view: 2, payload: B256::repeat_byte(5) },
        };
        let signature = secret.vote_key().sign(&vote.signed_bytes(1, B256::ZERO)).to_bytes();
        SignedVote { vote, signature }
    }

    #[test]
    fn a_vote_that_is_not_in_the_journal_shows_an_old_disk() {
        use VoteKind::{Finalize, Notarize, Nullify};
        let (secret, other) = (NodeSecret::generate(), NodeSecret::generate());
        let rule = rule(&secret, 4, 3);
        let known = [(Notarize, 9), (Notarize, 7), (Finalize, 8), (Nullify, 3), (Finalize, 2)];
        for (kind, view) in known {
            assert!(!rule.is_forgotten(&vote(&secret, kind, view)), "{kind:?} in view {view}");
        }
        for (kind, view) in [(Finalize, 9), (Nullify, 9), (Notarize, 10), (Nullify, 4_000)] {
            assert!(rule.is_forgotten(&vote(&secret, kind, view)), "{kind:?} in view {view}");
            assert!(!rule.is_forgotten(&vote(&other, kind, view)), "it was signed by another");
        }
        let changed = SignedVote { signature: [7; 64], ..vote(&secret, Nullify, 10) };
        assert!(!rule.is_forgotten(&changed), "a vote that nobody signed says nothing");
    }

    #[test]
    fn so_many_must_answer_that_with_it_they_are_a_quorum() {
        let secret = NodeSecret::generate();
        let enough = |validators, quorum| {
            let rule = rule(&secret, validators, quorum);
            (0..validators).find(|answered| rule.is_enough(usize::try_from(*answered).unwrap())).unwrap()
        };
        assert_eq!([enough(1, 1), enough(2, 2), enough(3, 3), enough(4, 3), enough(7, 5)], [0, 1, 2, 2, 4]);
    }
}
