use super::*;
use commonware_cryptography::{Signer as _, bls12381::primitives::group::Scalar, ed25519};
use commonware_runtime::{Blob as _, ReadOptions, Runner as _, Storage as _, Supervisor as _, deterministic};

const PARTITION: &str = "secrets";

async fn open(context: &deterministic::Context, secret: &NodeSecret, kept: Kept) -> Secrets<deterministic::Context> {
    Secrets::open(context.child("open"), PARTITION.into(), secret, kept, |_| false).await.unwrap()
}

fn share(index: u32, rng: &mut StdRng) -> Share {
    Share::new(commonware_utils::Participant::new(index), commonware_math::algebra::Random::random(rng))
}

/// Everything that stands in the partition.
async fn on_disk(context: &deterministic::Context) -> Vec<u8> {
    let mut all = Vec::new();
    for name in context.scan(PARTITION).await.unwrap() {
        let (blob, size) = context.open(PARTITION, &name).await.unwrap();
        let bytes = blob.read_at(0, usize::try_from(size).unwrap(), ReadOptions::default()).await.unwrap();
        all.extend_from_slice(bytes.coalesce().as_ref());
    }
    all
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[test]
fn epochs_are_kept_apart_and_old_ones_are_gone_from_the_disk() {
    deterministic::Runner::default().start(|context| async move {
        let (secret, mut rng) = (NodeSecret::from_seed(1), StdRng::from_seed([3; 32]));
        let dealer = ed25519::PrivateKey::from_seed(9).public_key();
        let mut secrets = open(&context, &secret, Kept::Epochs).await;
        let shares: Vec<Share> = (0..4).map(|_| share(2, &mut rng)).collect();
        for (epoch, share) in shares.iter().enumerate() {
            let epoch = Epoch::new(epoch as u64);
            secrets.put_share(epoch, share.clone()).await;
            secrets.put_dealing(epoch, dealer.clone(), DealerPrivMsg::new(Scalar::random(&mut rng))).await;
        }
        let records: Vec<(u64, Vec<u8>)> = {
            let open = secrets.0.records.lock().await;
            let open = open.as_ref().unwrap();
            open.keys().map(|place| (epoch_of(place).get(), open.get(place).unwrap().clone())).collect()
        };
        assert_eq!(records.len(), 8);
        secrets.prune(Epoch::new(2)).await;
        drop(secrets);
        let disk = on_disk(&context).await;
        for (epoch, record) in records {
            assert_eq!(contains(&disk, &record), epoch >= 2, "a record of epoch {epoch}");
        }
        let mut again = open(&context, &secret, Kept::Epochs).await;
        for (epoch, share) in shares.into_iter().enumerate() {
            let kept = again.get_share(Epoch::new(epoch as u64)).await;
            assert_eq!(kept, (epoch >= 2).then_some(share), "epoch {epoch}");
            let dealt = again.get_dealing(Epoch::new(epoch as u64), &dealer).await;
            assert_eq!(dealt.is_some(), epoch >= 2, "epoch {epoch}");
        }
    });
}

#[test]
fn ceremonies_that_may_have_gone_on_are_gone_from_the_disk_and_shares_stay() {
    deterministic::Runner::default().start(|context| async move {
        let (secret, mut rng) = (NodeSecret::from_seed(1), StdRng::from_seed([6; 32]));
        let dealer = ed25519::PrivateKey::from_seed(9).public_key();
        let mut secrets = open(&context, &secret, Kept::Epochs).await;
        let share = share(2, &mut rng);
        secrets.put_share(Epoch::new(3), share.clone()).await;
        let kept = secrets.place(Epoch::new(3), "share", &[]);
        for epoch in [3, 4] {
            secrets.put_seed(Epoch::new(epoch), Summary::random(&mut rng)).await;
            secrets.put_dealing(Epoch::new(epoch), dealer.clone(), DealerPrivMsg::new(Scalar::random(&mut rng))).await;
        }
        let records: Vec<(bool, Vec<u8>)> = {
            let open = secrets.0.records.lock().await;
            let open = open.as_ref().unwrap();
            open.keys().map(|place| (*place == kept, open.get(place).unwrap().clone())).collect()
        };
        assert_eq!(records.len(), 5);
        secrets.forget_ceremonies().await;
        drop(secrets);
        let disk = on_disk(&context).await;
        for (is_share, record) in records {
            assert_eq!(contains(&disk, &record), is_share);
        }
        let again = open(&context, &secret, Kept::Epochs).await;
        again.forget_ceremonies().await;
        drop(again);
        assert_eq!(on_disk(&context).await, disk, "nothing is written where nothing is to be forgotten");
        let mut again = open(&context, &secret, Kept::Epochs).await;
        assert_eq!(again.get_share(Epoch::new(3)).await, Some(share));
        assert!(again.get_seed(Epoch::new(3)).await.is_none() && again.get_seed(Epoch::new(4)).await.is_none());
        assert!(again.get_dealing(Epoch::new(4), &dealer).await.is_none());
    });
}

#[test]
fn a_share_is_taken_over_once_and_never_again() {
    deterministic::Runner::default().start(|context| async move {
        let (secret, mut rng) = (NodeSecret::from_seed(1), StdRng::from_seed([4; 32]));
        let (first, other) = (share(0, &mut rng), share(0, &mut rng));
        let mut secrets = open(&context, &secret, Kept::Epochs).await;
        secrets.import(&ThresholdShare::new(first.clone())).await;
        secrets.import(&ThresholdShare::new(other.clone())).await;
        assert_eq!(secrets.get_share(Epoch::zero()).await, Some(first));
        secrets.prune(Epoch::new(1)).await;
        secrets.import(&ThresholdShare::new(other)).await;
        assert_eq!(secrets.get_share(Epoch::zero()).await, None, "what was forgotten stays forgotten");
    });
}

#[test]
fn a_ceremony_has_one_epoch() {
    deterministic::Runner::default().start(|context| async move {
        let (secret, mut rng) = (NodeSecret::from_seed(1), StdRng::from_seed([5; 32]));
        let mut secrets = open(&context, &secret, Kept::Ceremony).await;
        let share = share(1, &mut rng);
        secrets.put_share(Epoch::new(7), share.clone()).await;
        secrets.prune(Epoch::new(9)).await;
        assert_eq!(secrets.share().await, Some(share));
    });
}
