//! Passwords: argon2id, off the async threads, a few at a time.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use tokio::sync::Semaphore;

use crate::error::Error;

/// Hashes at once. Each takes 19 MiB and a core for some 20 ms: guessing must never take the cores
/// that pops need.
const HASHES: usize = 2;

/// How long a sign-in waits for its turn.
const PATIENCE: Duration = Duration::from_secs(5);

pub struct Hasher {
    turns: Arc<Semaphore>,
}

impl Default for Hasher {
    fn default() -> Self {
        Hasher { turns: Arc::new(Semaphore::new(HASHES)) }
    }
}

impl Hasher {
    /// Whether the password is the one of `stored`. With none stored it takes as long and says no,
    /// so that the time does not tell which accounts exist.
    pub async fn verify(&self, password: String, stored: Option<String>) -> Result<bool, Error> {
        let _turn = self.turn().await?;
        let work = move || {
            let known = stored.is_some();
            let stored = stored.as_deref().unwrap_or(&NOBODYS);
            let Ok(stored) = PasswordHash::new(stored) else { return false };
            argon2().verify_password(password.as_bytes(), &stored).is_ok() && known
        };
        tokio::task::spawn_blocking(work).await.map_err(|_| Error::Broken)
    }

    pub async fn hash(&self, password: String) -> Result<String, Error> {
        let _turn = self.turn().await?;
        tokio::task::spawn_blocking(move || hash(&password)).await.map_err(|_| Error::Broken)
    }

    async fn turn(&self) -> Result<tokio::sync::OwnedSemaphorePermit, Error> {
        match tokio::time::timeout(PATIENCE, self.turns.clone().acquire_owned()).await {
            Ok(Ok(turn)) => Ok(turn),
            Ok(Err(_)) | Err(_) => Err(Error::Busy),
        }
    }
}

/// The PHC string that the store keeps. Blocks for some 20 ms.
pub fn hash(password: &str) -> String {
    argon2().hash_password(password.as_bytes()).expect("a fixed salt length and our own parameters").to_string()
}

/// Against which a password of nobody's is tried.
static NOBODYS: LazyLock<String> = LazyLock::new(|| hash(&super::random_hex()));

/// The least that OWASP asks for argon2id: 19 MiB, two passes.
fn argon2() -> Argon2<'static> {
    let params = Params::new(19_456, 2, 1, None).expect("parameters within argon2's limits");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_right_password_of_somebody_who_exists_will_do() {
        let hasher = Hasher::default();
        let stored = hash("correct horse");
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
        assert!(hasher.verify("correct horse".into(), Some(stored.clone())).await.expect("a verdict"));
        assert!(!hasher.verify("wrong horse".into(), Some(stored)).await.expect("a verdict"));
        assert!(!hasher.verify("anything".into(), None).await.expect("a verdict"));
    }
}
