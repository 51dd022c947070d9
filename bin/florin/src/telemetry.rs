//! What a node says about itself while it runs: the log on standard error, and OpenTelemetry traces where configured.
//!
//! Secrets never reach a log: key types have a `Debug` form that hides them, and passphrases are plain text nowhere.
//! Traces leave over OTLP/HTTP without TLS, so the collector stands on this machine or behind a proxy on it.

use crate::{
    config::{Config, LogFormat},
    failure::{Exit, Failure},
    node::intrusions::{self, Intrusions},
};
use opentelemetry::{KeyValue, trace::TracerProvider as _};
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::{
    Resource, runtime as sdk_runtime,
    trace::{Sampler, SdkTracerProvider, span_processor_with_async_runtime::BatchSpanProcessor},
};
use std::{
    io::{self, IsTerminal as _},
    sync::Arc,
};
use tokio::runtime::{Builder, Runtime};
use tracing_subscriber::{EnvFilter, Layer, layer::SubscriberExt as _, registry::LookupSpan};

/// Holds what must be flushed at the end.
#[derive(Debug)]
pub(crate) struct Telemetry {
    traces: Option<SdkTracerProvider>,
    /// Spans are sent by a task of it. Its own, because a validator that begins to vote starts the node's runtime anew.
    runtime: Runtime,
    intrusions: Arc<Intrusions>,
}

impl Telemetry {
    /// Starts log and traces.
    pub(crate) fn start(config: &Config, node: &str) -> Result<Self, Failure> {
        let runtime = Builder::new_multi_thread().worker_threads(1).thread_name("florin-traces").enable_all().build();
        let runtime = runtime.map_err(|error| refused("traces", &error))?;
        let inside = runtime.enter();
        let filter = |field: &str, text: &str| EnvFilter::try_new(text).map_err(|error| refused(field, &error));
        let traces = provider(config, node)?;
        let mut layers = vec![log(config.log.format).with_filter(filter("log.filter", &config.log.filter)?).boxed()];
        // Counted whatever the log's filter says.
        let intrusions = Arc::<Intrusions>::default();
        layers.push(intrusions::layer(intrusions.clone()).boxed());
        // Not an `Option` in the stack: an absent layer refuses nothing, so the filters would be asked at every span again.
        if let Some(provider) = &traces {
            let spans = tracing_opentelemetry::layer().with_tracer(provider.tracer("florin"));
            layers.push(spans.with_filter(filter("traces.filter", &config.traces.filter)?).boxed());
        }
        let subscriber = tracing_subscriber::registry().with(layers);
        tracing::subscriber::set_global_default(subscriber).map_err(|error| refused("log", &error))?;
        drop(inside);
        Ok(Self { traces, runtime, intrusions })
    }

    /// Counts of what looks like an intrusion.
    pub(crate) fn intrusions(&self) -> Arc<Intrusions> {
        self.intrusions.clone()
    }

    /// Sends the spans that are still in memory.
    pub(crate) fn stop(self) {
        if let Some(provider) = self.traces
            && let Err(error) = provider.shutdown()
        {
            tracing::warn!(%error, "the last traces could not be sent");
        }
        self.runtime.shutdown_background();
    }
}

fn log<S>(format: LogFormat) -> Box<dyn Layer<S> + Send + Sync>
where
    S: tracing::Subscriber + for<'span> LookupSpan<'span>,
{
    let layer = tracing_subscriber::fmt::layer().with_writer(io::stderr).with_ansi(io::stderr().is_terminal());
    match format {
        LogFormat::Text => layer.boxed(),
        LogFormat::Json => layer.json().flatten_event(true).boxed(),
    }
}

fn provider(config: &Config, node: &str) -> Result<Option<SdkTracerProvider>, Failure> {
    let Some(endpoint) = &config.traces.otlp_endpoint else { return Ok(None) };
    let exporter = SpanExporter::builder()
        .with_http()
        .with_endpoint(endpoint)
        .build()
        .map_err(|error| refused("traces.otlp_endpoint", &error))?;
    let resource = Resource::builder()
        .with_service_name("florin")
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .with_attribute(KeyValue::new("service.instance.id", node.to_string()))
        .build();
    let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(config.traces.sampled_ratio)));
    let processor = BatchSpanProcessor::builder(exporter, sdk_runtime::Tokio).build();
    let provider = SdkTracerProvider::builder()
        .with_resource(resource)
        .with_sampler(sampler)
        .with_span_processor(processor)
        .build();
    Ok(Some(provider))
}

fn refused(field: &str, error: &dyn std::fmt::Display) -> Failure {
    Failure::new(Exit::Usage, "telemetry", format_args!("field {field}: {error}"), "change it in config.toml")
}
