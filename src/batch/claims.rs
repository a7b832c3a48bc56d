//! Claims of keys in Redis, over our own connection, in the hands of `lib/batch/claims.js`; and what the claims of an
//! injected client say (`lib/batch/claims-client.js`).

use crate::completion::{Announcer, Completer, undefined};
use crate::error::{contain, raise};
use crate::external::External;
use napi::bindgen_prelude::ToNapiValue;
use napi::{Env, sys};
use napi_derive::napi;
use sluice_core::batch::claim;
use sluice_core::error::{Error, Kind};
use sluice_io::claims::{Answer, Claims, Word};

/// How answers cross; `SAID` in lib/batch/idempotency.js.
const OURS: u32 = 0;
const DONE: u32 = 1;
const BUSY: u32 = 2;
const AWAY: u32 = 3;

/// An answer, the result as JSON, and milliseconds (-1: not known), behind one another.
struct Answered(u32, Option<String>, f64);
fn crossing(answer: Answer) -> Answered {
    match answer {
        Answer::Ours => Answered(OURS, None, -1.0),
        Answer::Done(json, left) => Answered(DONE, json, left.map_or(-1.0, |left| left as f64)),
        Answer::Busy => Answered(BUSY, None, -1.0),
        Answer::Away => Answered(AWAY, None, -1.0),
    }
}
fn list(raw: sys::napi_env, answers: Vec<Answered>) -> napi::Result<sys::napi_value> {
    let env = Env::from_raw(raw);
    let mut list = env.create_array(3 * answers.len() as u32)?;
    for (at, Answered(said, json, ms)) in (0u32..).step_by(3).zip(answers) {
        list.set(at, said)?;
        match json {
            Some(json) => list.set(at + 1, crate::text::string(&env, json.as_bytes())?)?,
            None => list.set(at + 1, ())?,
        }
        list.set(at + 2, ms)?;
    }
    // SAFETY: on the event loop, with its environment.
    unsafe { ToNapiValue::to_napi_value(raw, list) }
}

/// Opens claims with the settings of `lib/batch/claims.js`, as JSON; tells under that id when Redis goes away, as JSON.
#[napi(catch_unwind)]
pub fn claims_open(env: &Env, shell: u32, id: u32, settings: String) -> napi::Result<External<Claims>> {
    let announcer = Announcer::new(env, shell, id)?;
    let claims = contain("idempotency", || {
        let config = serde_json::from_str(&settings).map_err(|error| {
            Error::new(Kind::Internal).with("what", "idempotency").with("detail", error.to_string())
        })?;
        let degraded = move |error: Error| {
            announcer.tell(move |raw| {
                let env = Env::from_raw(raw);
                let text = env.create_string(error.to_json())?;
                // SAFETY: on the event loop, with its environment.
                unsafe { ToNapiValue::to_napi_value(raw, text) }
            });
        };
        Ok(Claims::new(config, Box::new(degraded)))
    });
    Ok(External::new(claims.map_err(|error| raise(&error))?))
}
/// Says words in order: of each its kind (0 ask, 1 done, 2 free), key and result as JSON. Settles with the answers to
/// those that ask.
#[napi(catch_unwind)]
pub fn claims_say(
    env: &Env,
    shell: u32,
    id: u32,
    claims: &External<Claims>,
    kinds: Vec<u32>,
    keys: Vec<String>,
    results: Vec<Option<String>>,
) -> napi::Result<()> {
    let completer = Completer::new(env, shell, id)?;
    let words = kinds.into_iter().zip(keys).zip(results).map(|((kind, key), result)| match kind {
        0 => Word::Ask(key),
        1 => Word::Done(key, result),
        _ => Word::Free(key),
    });
    let then = move |answers: Vec<Answer>| {
        let answers: Vec<Answered> = answers.into_iter().map(crossing).collect();
        completer.settle(Ok(move |raw| list(raw, answers)));
    };
    claims.say(words.collect(), Box::new(then));
    Ok(())
}
/// Waits for a key that another has; settles with one answer.
#[napi(catch_unwind)]
pub fn claims_wait(
    env: &Env,
    shell: u32,
    id: u32,
    claims: &External<Claims>,
    key: String,
) -> napi::Result<()> {
    let completer = Completer::new(env, shell, id)?;
    claims.wait(
        key,
        Box::new(move |answer| {
            let answer = crossing(answer);
            completer.settle(Ok(move |raw| list(raw, vec![answer])));
        }),
    );
    Ok(())
}
/// Settles when everything said is done and the connection is closed.
#[napi(catch_unwind)]
pub fn claims_close(env: &Env, shell: u32, id: u32, claims: &External<Claims>) -> napi::Result<()> {
    let completer = Completer::new(env, shell, id)?;
    claims.close(Box::new(move |()| completer.settle(Ok(undefined))));
    Ok(())
}

/// The scripts that renew, finish and release a claim.
#[napi(catch_unwind)]
pub fn claim_scripts() -> Vec<&'static str> {
    vec![claim::RENEW, claim::FINISH, claim::RELEASE]
}
/// What a claim of that owner holds.
#[napi(catch_unwind)]
pub fn claim_pending(owner: String) -> String {
    claim::pending(&owner)
}
/// What a key holds that had its effect.
#[napi(catch_unwind)]
pub fn claim_done(result: Option<String>) -> String {
    claim::done(result.as_deref())
}
/// What a look at a key means for a claim that holds `mine`: an answer, its result, and in how many milliseconds to look
/// again. `left_ms` below 0: not known.
#[napi(catch_unwind)]
pub fn claim_answer(
    env: &Env,
    value: Option<String>,
    mine: String,
    left_ms: f64,
    looks: u32,
) -> napi::Result<napi::Unknown<'_>> {
    let left = (left_ms >= 0.0).then_some(left_ms as u64);
    let answered = match claim::answer(value.as_deref(), &mine, left, looks) {
        claim::Answer::Ours => Answered(OURS, None, -1.0),
        claim::Answer::Done(result) => {
            Answered(DONE, result.map(str::to_owned), left.map_or(-1.0, |left| left as f64))
        }
        claim::Answer::Busy(pause) => Answered(BUSY, None, pause as f64),
    };
    crate::body::value(env, list(env.raw(), vec![answered])?)
}
