//! What is in force for every lane of the service: a policy for each namespace, and where its counts go. Replaced whole on a reload.

use std::sync::Arc;

use self_cell::self_cell;

use super::bridger::Bridging;
use super::detect::DatabaseError;
use super::detention::Detaining;
use super::meters::Meters;
use super::policy::Policy;
use super::witness::Witnessing;
use super::worker::Worker;

/// A namespace's place in [`Standing::tenants`]; the same over reloads.
pub type TenantIndex = usize;

/// One namespace's part of it.
#[derive(Clone, Debug)]
pub struct Tenant {
    /// Its rules and keys.
    pub policy: Arc<Policy>,
    /// Who is told of what is seen.
    pub witnessing: Option<Witnessing>,
    /// Who keeps the links between its key epochs.
    pub bridging: Option<Bridging>,
    /// Who takes the lines that are withheld.
    pub detaining: Option<Detaining>,
}

/// What is in force.
#[derive(Clone)]
pub struct Standing {
    /// Grows with each that was put in force.
    pub generation: u64,
    /// Every namespace, at least the default one.
    pub tenants: Vec<Tenant>,
    /// Where counts go.
    pub meters: Meters,
    /// Since when the key epoch makes marks, in seconds of Unix time, where somebody asks.
    pub key_activated: Option<i64>,
}

impl Standing {
    /// The same, in which withheld lines go to a quarantine; those that follow it keep that.
    pub fn detaining(mut self, detaining: Option<&Detaining>) -> Self {
        for tenant in &mut self.tenants {
            tenant.detaining = detaining.cloned();
        }
        self
    }

    /// The same, in which each tenant's links between key epochs are kept; those that follow it keep that.
    pub fn bridging(mut self, bridging: &[Option<Bridging>]) -> Self {
        for (tenant, bridging) in self.tenants.iter_mut().zip(bridging) {
            tenant.bridging.clone_from(bridging);
        }
        self
    }
}

self_cell!(
    /// A worker together with the policy that it borrows: nothing outlives its database.
    pub struct OwnedWorker {
        owner: Arc<Policy>,
        #[not_covariant]
        dependent: Worker,
    }
);

impl OwnedWorker {
    /// A worker that counts lines, under this tenant's policy.
    ///
    /// # Errors
    /// [`DatabaseError`] when there is no memory for it.
    pub fn of(tenant: &Tenant) -> Result<Self, DatabaseError> {
        Self::try_new(Arc::clone(&tenant.policy), |policy| {
            let worker = Worker::new(policy)?.counting_lines(true);
            let worker = worker.witnessed(tenant.witnessing.as_ref()).bridging(tenant.bridging.as_ref());
            Ok(worker.detaining(tenant.detaining.as_ref()))
        })
    }
}
