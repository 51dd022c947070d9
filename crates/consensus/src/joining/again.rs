//! Whether this disk remembers all votes of its validator: asked by one that has voted before, before it votes again.
//!
//! **Purpose.** A copy of a data directory that is put back later, with the vote journal of then, looks like a node that was
//! stopped. It would vote again in views in which it has voted: evidence against an honest bank. But others have heard those votes.
//!
//! **Rule.** All other validators are asked for the latest vote that they have heard of this one, with its signature. It votes once all
//! have answered, or so many that with it they are a quorum and a round has passed, and no vote that they have shown is missing in the
//! journal ([`OwnVotes`]) above the floor; after a minute it votes in any case. One vote is enough against it: nobody else can sign it.
//!
//! **Where the committee changes** every node asks, whatever it is at the moment: what was dealt to it may make it a validator of the next
//! epoch, in which it has voted already. It asks everybody, for members of an old committee may be gone or have heard nothing, and waits
//! for those whom its disk knows as the committee, and for all whom the ledger lists, or some rounds. Which votes are in which epoch's
//! journal counts, and the epoch before its own is the oldest one with a journal; what came earlier the disk has lived through.
//!
//! **What it does not show.** Who was started again has forgotten what it heard. Where all have been, nobody knows.
//!
//! **Limits.** As in [`super::sample`], on whose channel it asks: while it asks, it also answers there.

use super::{
    beginning::Found,
    sample::{Answering, Message, Question, ROUND, ask_for, parse, until},
};
use crate::{epochs::peers::Listed, journal::OwnVotes, runtime::Runtime};
use alloy_primitives::B256;
use commonware_cryptography::ed25519::PublicKey;
use commonware_p2p::{Blocker, Receiver, Recipients, Sender, block};
use florin_types::{NodeVote, SignedVote, VoteKind};
use std::collections::{BTreeMap, BTreeSet};

/// Rounds without enough answers between two lines in the log.
const ROUNDS_PER_COMPLAINT: u32 = 10;
/// Rounds after which it votes although too few have answered: agreement needs a quorum somewhere, not direct links from here, and a
/// network must not stand still for a question.
const ROUNDS_MAX: u32 = 60;
/// Rounds in which those are waited for that have not answered, when enough others have: one of them alone may know.
const ROUNDS_TOGETHER: u32 = 1;
/// The same where anybody may know: time to dial all who are listed.
const ROUNDS_OF_EVERYBODY: u32 = 4;

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
    /// Epoch and view at or below which nothing is voted for.
    pub(crate) floor: (u64, u64),
    /// By epoch; earlier ones are over on this disk.
    pub(crate) own: BTreeMap<u64, OwnVotes>,
    /// The other validators, as far as this disk knows.
    pub(crate) others: Vec<PublicKey>,
    /// Who is listed, where others than those may know as well.
    pub(crate) everybody: Option<Listed>,
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
        while !rule.is_all(&answered) {
            if rule.is_enough(rule.answers(&answered)) && rule.is_listed() {
                if together == rule.rounds_together() {
                    return Found::Nothing;
                }
                together = together.saturating_add(1);
            } else if round >= ROUNDS_MAX {
                tracing::warn!(
                    answered = rule.answers(&answered),
                    "too few other validators have said which votes of this one they heard last: it votes as far as its own vote journal knows"
                );
                return Found::Nothing;
            }
            let end = context.current() + ROUND;
            ask_for(Question::OwnVote, sender, rule.recipients(&answered));
            while !rule.is_all(&answered)
                && let Some((peer, message)) = until(context, end, receiver).await
            {
                let is_asked = rule.everybody.is_some() || rule.others.contains(&peer);
                match parse(&message, is_asked) {
                    Ok(Message::Question(question)) => {
                        self.answering.answer(context, sender, (peer.clone(), question), true).await;
                        // It was not there when all were asked.
                        if is_asked && !answered.contains(&peer) {
                            ask_for(Question::OwnVote, sender, Recipients::One(peer));
                        }
                    }
                    Ok(Message::OwnVote(heard)) => {
                        if let Some(vote) = heard.filter(|vote| rule.is_forgotten(vote)) {
                            let NodeVote { epoch, view, .. } = vote.vote;
                            return Found::Begun(format!(
                                "validator {peer} has heard a vote of this one in view {view} of epoch {epoch} that is not in its vote \
                                 journal: the data directory is an old copy, or has lost what was written"
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
            if round.is_multiple_of(ROUNDS_PER_COMPLAINT) && !rule.is_enough(rule.answers(&answered)) {
                let (answered, needed) = (rule.answers(&answered), rule.quorum.saturating_sub(1));
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

    /// Whether nobody else can know.
    fn is_all(&self, answered: &BTreeSet<PublicKey>) -> bool {
        let has_answered = |key: &B256| answered.iter().any(|peer| peer.as_ref() == key.as_slice());
        let others = self.answers(answered) >= self.others.len();
        others
            && self.everybody.as_ref().is_none_or(|listed| listed.is_read() && listed.all_but(&self.me, has_answered))
    }

    /// How many of the other validators have answered.
    fn answers(&self, answered: &BTreeSet<PublicKey>) -> usize {
        self.others.iter().filter(|other| answered.contains(*other)).count()
    }

    /// Whether everybody may connect who is to be asked.
    fn is_listed(&self) -> bool {
        self.everybody.as_ref().is_none_or(Listed::is_read)
    }

    fn rounds_together(&self) -> u32 {
        if self.everybody.is_some() { ROUNDS_OF_EVERYBODY } else { ROUNDS_TOGETHER }
    }

    /// Whom to ask that has not answered.
    fn recipients(&self, answered: &BTreeSet<PublicKey>) -> Recipients<PublicKey> {
        match self.everybody {
            Some(_) => Recipients::All,
            None => Recipients::Some(self.others.iter().filter(|other| !answered.contains(*other)).cloned().collect()),
        }
    }

    /// Whether this validator cast a vote that its disk does not know.
    fn is_forgotten(&self, vote: &SignedVote) -> bool {
        let (NodeVote { epoch, view, kind, .. }, (chain_id, genesis_hash)) = (vote.vote, self.network);
        (epoch, view) > self.floor && !self.is_known(epoch, view, kind) && vote.is_by(self.me, chain_id, genesis_hash)
    }

    /// Whether the disk has lived through a vote.
    fn is_known(&self, epoch: u64, view: u64, kind: VoteKind) -> bool {
        match self.own.get(&epoch) {
            Some(own) => own.includes(view, kind),
            None => self.own.first_key_value().is_some_and(|(oldest, _)| epoch < *oldest),
        }
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
        let own = [(0, OwnVotes::of(9, &[(7, VoteKind::Notarize), (9, VoteKind::Notarize)]))].into();
        Rule { me: secret.public_key(), network: (1, B256::ZERO), floor: (0, 3), own, others, everybody: None, quorum }
    }

    fn vote(secret: &NodeSecret, kind: VoteKind, view: u64) -> SignedVote {
        vote_in(secret, 0, kind, view)
    }

    fn vote_in(secret: &NodeSecret, epoch: u64, kind: VoteKind, view: u64) -> SignedVote {
        let vote = match kind {
            VoteKind::Nullify => NodeVote::nullify(epoch, view),
            _ => NodeVote { kind, epoch, view, parent_view: 2, payload: B256::repeat_byte(5) },
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
    fn in_a_later_epoch_every_vote_is_later_and_in_an_earlier_one_the_disk_knows_it() {
        use VoteKind::{Notarize, Nullify};
        let secret = NodeSecret::generate();
        let own = [(4, OwnVotes::of(9, &[])), (5, OwnVotes::of(2, &[(2, Notarize)])), (6, OwnVotes::default())].into();
        let rule = Rule { floor: (5, 1), own, ..rule(&secret, 4, 3) };
        for (epoch, view) in [(3, 4_000), (4, 12), (5, 1), (5, 2)] {
            assert!(!rule.is_forgotten(&vote_in(&secret, epoch, Notarize, view)), "{epoch} {view}");
        }
        for (epoch, kind, view) in
            [(5, Nullify, 2), (5, Notarize, 3), (6, Notarize, 1), (7, Nullify, 1), (900, Notarize, 1)]
        {
            assert!(rule.is_forgotten(&vote_in(&secret, epoch, kind, view)), "{epoch} {kind:?} {view}");
        }
        let rule = Rule { floor: (0, 0), ..rule };
        assert!(!rule.is_forgotten(&vote_in(&secret, 3, Nullify, 4_000)), "the disk has lived through that epoch");
        assert!(rule.is_forgotten(&vote_in(&secret, 4, Nullify, 10)), "and has not seen the end of this one");
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
