//! The gateway as its monitors know it: what looks like an intrusion, whom its port refused, and whether it works.

use super::config::MonitoringSection;
use crate::{
    failure::Failure,
    node::{
        intrusions::Intrusions,
        monitoring::{self, Observed},
        tls,
    },
};
use florin_gateway::Gateway;
use florin_rpc::{Ban, Port};
use std::{path::Path, sync::Arc};
use tokio::sync::watch;

/// What is watched of a gateway.
pub(super) struct Watched {
    intrusions: Arc<Intrusions>,
    port: Port,
    trouble: watch::Receiver<Option<String>>,
}

impl Watched {
    pub(super) fn new(intrusions: Arc<Intrusions>, port: Port, gateway: &Gateway) -> Self {
        Self { intrusions, port, trouble: gateway.trouble() }
    }
}

impl Observed for Watched {
    fn metrics(&self) -> String {
        monitoring::join(&[self.port.metrics(), self.intrusions.metrics()])
    }

    fn bans(&self) -> Vec<Ban> {
        self.port.bans()
    }

    fn unready_reasons(&self) -> Vec<String> {
        self.trouble.borrow().iter().cloned().collect()
    }

    fn broken(&self) -> Option<String> {
        None
    }
}

/// Serves it until the program ends, and says where.
pub(super) async fn serve(root: &Path, section: &MonitoringSection, watched: Arc<Watched>) -> Result<String, Failure> {
    let certificate = tls::open(root, "monitoring", (&section.tls_certificate, &section.tls_key))?;
    let scheme = super::scheme(&certificate);
    let address = monitoring::serve(section.listen, certificate, watched).await?;
    Ok(format!("{scheme}://{address}"))
}
