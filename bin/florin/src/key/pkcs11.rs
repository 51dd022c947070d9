//! Keys of accounts that never leave their device: hardware security modules and tokens, by PKCS#11.
//!
//! An account in a device is named by a URI (RFC 7512): `pkcs11:token=LABEL;object=LABEL?module-path=FILE`. The device's
//! library may stand in `FLORIN_PKCS11_MODULE` instead. The PIN comes from where passphrases come from, never from the URI.
//!
//! **What is asked of the device.** A key pair on secp256k1 with that label, and `CKM_ECDSA`: it signs the digest that this
//! program has worked out. What the device gives is checked against the public key before it is used, so that a device that
//! signs with another key, or not at all, is noticed here.

use crate::{failure::Failure, passphrase::PassphraseSource};
use alloy_primitives::B256;
use cryptoki::{
    context::{CInitializeArgs, CInitializeFlags, Pkcs11},
    error::Error,
    mechanism::Mechanism,
    object::{Attribute, AttributeType, ObjectClass, ObjectHandle},
    session::{Session, UserType},
    slot::Slot,
    types::AuthPin,
};
use florin_client::{Device, Signer, SignerError};
use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

/// How an account in a device is named.
pub(crate) const SCHEME: &str = "pkcs11:";
/// Variable that names the device's library where the URI does not.
const MODULE_VARIABLE: &str = "FLORIN_PKCS11_MODULE";
/// The curve secp256k1 as the devices name it: its object identifier in DER (SEC 2, 1.3.132.0.10).
const SECP256K1: [u8; 7] = [0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x0a];
/// Bytes of an uncompressed point: 4, and both coordinates.
const POINT_BYTES: usize = 65;

/// What a URI names.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Name {
    token: String,
    object: String,
    module: Option<PathBuf>,
}

/// A key in a device, ready to sign.
struct Key {
    session: Mutex<Session>,
    handle: ObjectHandle,
}

impl Device for Key {
    fn sign_digest(&self, digest: B256) -> Result<[u8; 64], SignerError> {
        let session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        let failed = |reason: String| SignerError::Signing { reason };
        let signature = session
            .sign(&Mechanism::Ecdsa, self.handle, digest.as_slice())
            .map_err(|error| failed(format!("the device says: {error}")))?;
        let length = signature.len();
        signature.try_into().map_err(|_| failed(format!("the device gave a signature of {length} bytes instead of 64")))
    }
}

/// Opens the account that a URI names.
pub(crate) fn open(uri: &str, pin: &PassphraseSource) -> Result<Signer, Failure> {
    let name = parse(uri)?;
    let module = name.module.clone().or_else(|| std::env::var_os(MODULE_VARIABLE).map(PathBuf::from));
    let module = module.ok_or_else(|| {
        let next = format!("add ?module-path=FILE to it, or set {MODULE_VARIABLE}");
        Failure::usage("pkcs11.module", "the library of the device is not named", next)
    })?;
    let unusable = |error: Error| {
        Failure::input(
            "pkcs11.module",
            format_args!("{} cannot be used: {error}", module.display()),
            "give the device's own PKCS#11 library",
        )
    };
    let library = Pkcs11::new(&module).map_err(unusable)?;
    library.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)).map_err(unusable)?;
    let session = library.open_ro_session(slot(&library, &name.token)?).map_err(unusable)?;
    let pin = pin.existing(&format!("token {}", name.token))?;
    session.login(UserType::User, Some(&AuthPin::new(pin.as_str().into()))).map_err(|error| {
        let message = format!("token {:?} does not take the PIN: {error}", name.token);
        Failure::input("pkcs11.pin", message, "try it again with care: devices lock themselves after a few wrong ones")
    })?;
    let point = point(&session, &name)?;
    let handle = find(&session, ObjectClass::PRIVATE_KEY, &name)?;
    let key = Key { session: Mutex::new(session), handle };
    Signer::from_device(&point, Arc::new(key))
        .map_err(|error| wrong(&name, &format_args!("its public key cannot be used: {error}")))
}

fn slot(library: &Pkcs11, token: &str) -> Result<Slot, Failure> {
    let slots = library.get_slots_with_initialized_token().map_err(|error| {
        Failure::unavailable(
            "pkcs11.token",
            format_args!("the tokens cannot be listed: {error}"),
            "is the device connected?",
        )
    })?;
    let label = |slot: &Slot| library.get_token_info(*slot).map(|info| info.label().trim_end().to_string());
    let named: Vec<Slot> = slots.iter().copied().filter(|slot| label(slot).is_ok_and(|label| label == token)).collect();
    match named.as_slice() {
        [slot] => Ok(*slot),
        _ => {
            let known: Vec<String> = slots.iter().filter_map(|slot| label(slot).ok()).collect();
            let message = format!("{} tokens are called {token:?}; there are: {}", named.len(), known.join(", "));
            Err(Failure::input("pkcs11.token", message, "give the label of one token"))
        }
    }
}

/// The one object of this class and label.
fn find(session: &Session, class: ObjectClass, name: &Name) -> Result<ObjectHandle, Failure> {
    let template = [Attribute::Class(class), Attribute::Label(name.object.clone().into_bytes())];
    let found = session.find_objects(&template).map_err(|error| wrong(name, &error))?;
    match found.as_slice() {
        [one] => Ok(*one),
        _ => Err(wrong(
            name,
            &format_args!("it has {} objects of class {class} and this label, one is needed", found.len()),
        )),
    }
}

/// The public half, as an uncompressed point.
fn point(session: &Session, name: &Name) -> Result<[u8; POINT_BYTES], Failure> {
    let public = find(session, ObjectClass::PUBLIC_KEY, name)?;
    let attributes = session.get_attributes(public, &[AttributeType::EcParams, AttributeType::EcPoint]);
    let (mut curve, mut point) = (Vec::new(), Vec::new());
    for attribute in attributes.map_err(|error| wrong(name, &error))? {
        match attribute {
            Attribute::EcParams(bytes) => curve = bytes,
            Attribute::EcPoint(bytes) => point = bytes,
            _ => {}
        }
    }
    if curve != SECP256K1 {
        return Err(wrong(name, &"its key is not on secp256k1"));
    }
    // The standard wraps the point into an octet string; some devices do not.
    let bare =
        point.strip_prefix(&[0x04, POINT_BYTES as u8]).filter(|bare| bare.len() == POINT_BYTES).unwrap_or(&point);
    bare.try_into()
        .map_err(|_| wrong(name, &format_args!("its public key has {} bytes instead of {POINT_BYTES}", bare.len())))
}

fn wrong(name: &Name, reason: &dyn std::fmt::Display) -> Failure {
    let message = format!("object {:?} of token {:?}: {reason}", name.object, name.token);
    Failure::input("pkcs11.object", message, "make or name a key pair on secp256k1 with this label")
}

/// Reads a URI. What it does not know is an error: a wrong name must never be another key.
fn parse(uri: &str) -> Result<Name, Failure> {
    let refused =
        |reason: String| Failure::usage("pkcs11.uri", reason, "write pkcs11:token=LABEL;object=LABEL?module-path=FILE");
    let (path, query) = uri
        .strip_prefix(SCHEME)
        .unwrap_or(uri)
        .split_once('?')
        .unwrap_or((uri.strip_prefix(SCHEME).unwrap_or(uri), ""));
    let (mut token, mut object, mut module) = (None, None, None);
    for part in path.split(';').chain(query.split('&')).filter(|part| !part.is_empty()) {
        let (field, value) = part.split_once('=').ok_or_else(|| refused(format!("{part:?} is no field=value")))?;
        let place = match field {
            "token" => &mut token,
            "object" => &mut object,
            "module-path" => &mut module,
            "type" if value == "private" => continue,
            "pin-value" => return Err(refused("a PIN never stands in an argument: give --passphrase-file".into())),
            _ => return Err(refused(format!("the field {field:?} is not known here"))),
        };
        let value = unescaped(value).ok_or_else(|| refused(format!("the value of {field} is not UTF-8 after %")))?;
        if value.is_empty() {
            return Err(refused(format!("the field {field} is empty")));
        }
        if place.replace(value).is_some() {
            return Err(refused(format!("the field {field} stands there twice")));
        }
    }
    match (token, object) {
        (Some(token), Some(object)) => Ok(Name { token, object, module: module.map(PathBuf::from) }),
        _ => Err(refused("token and object are both needed".into())),
    }
}

/// `%20` is a space.
fn unescaped(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let (digits, tail) = rest.split_at_checked(2)?;
        bytes.extend(hex::decode(digits).ok()?);
        rest = tail;
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_uri_names_token_object_and_library() {
        let name = parse("pkcs11:token=Bank%20A;object=treasury?module-path=/usr/lib/x.so").unwrap();
        let expected = Name { token: "Bank A".into(), object: "treasury".into(), module: Some("/usr/lib/x.so".into()) };
        assert_eq!(name, expected);
        assert_eq!(parse("pkcs11:object=a;token=b;type=private").unwrap().module, None);
    }

    #[test]
    fn what_a_uri_does_not_say_is_never_guessed() {
        let wrong = [
            "pkcs11:",
            "pkcs11:token=a",
            "pkcs11:object=a",
            "pkcs11:token=a;object=b;object=c",
            "pkcs11:token=;object=b",
            "pkcs11:token=a;object=",
            "pkcs11:token=a;object=b?module-path=",
            "pkcs11:token=a;object=b;id=%01",
            "pkcs11:token=a;object",
            "pkcs11:token=%zz;object=b",
            "pkcs11:token=%f;object=b",
            "pkcs11:token=%ff;object=b",
            "pkcs11:token=a;object=b;type=public",
        ];
        for uri in wrong {
            assert_eq!(parse(uri).unwrap_err().code, "pkcs11.uri", "{uri}");
        }
        let secret = parse("pkcs11:token=a;object=b?pin-value=1234").unwrap_err();
        assert!(secret.message.contains("never") && !secret.message.contains("1234"));
    }

    proptest::proptest! {
        #[test]
        fn labels_of_any_bytes_that_are_text_are_named(token in ".{1,40}", object in ".{1,40}", module in ".{1,40}") {
            let escaped = |text: &str| text.bytes().map(|byte| format!("%{byte:02x}")).collect::<String>();
            let uri = format!("pkcs11:token={};object={}?module-path={}", escaped(&token), escaped(&object), escaped(&module));
            let expected = Name { token, object, module: Some(module.into()) };
            proptest::prop_assert_eq!(parse(&uri).unwrap(), expected);
        }

        #[test]
        fn a_damaged_uri_is_read_or_refused(
            bytes in crate::damage::near("pkcs11:token=Bank%20A;object=treasury;type=private?module-path=/usr/lib/x.so")
        ) {
            if let Ok(name) = parse(&String::from_utf8_lossy(&bytes)) {
                proptest::prop_assert!(!name.token.is_empty() && !name.object.is_empty());
                proptest::prop_assert!(name.module.is_none_or(|module| !module.as_os_str().is_empty()));
            }
        }
    }
}
