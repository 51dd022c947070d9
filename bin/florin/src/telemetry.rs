//! What a node says about itself while it runs: the log on standard error, and OpenTelemetry traces where configured.
//!
//! Secrets never reach a log: key types have a `Debug` form that hides them, and passphrases are plain text nowhere.
//! Traces leave over OTLP/HTTP without TLS, so the collector stands on this machine or behind a proxy on it.

use crate::{
    config::{Config, LogFormat},
    failure::{Exit, Failure},
};
use opentelemetry::{KeyValue, trace::TracerProvider as _};
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::{
    Resource, runtime,
    trace::{Sampler, SdkTracerProvider, span_processor_with_async_runtime::BatchSpanProcessor},
};
use std::io::{self, IsTerminal as _};
use tracing_subscriber::{EnvFilter, Layer, layer::SubscriberExt as _, registry::LookupSpan};

/// Holds what must be flushed at the end.
#[derive(Debug)]
pub(crate) struct Telemetry {
    traces: Option<SdkTracerProvider>,
}

impl Telemetry {
    /// Starts log and traces. Must run inside of the node's runtime: spans are sent by a task of it.
    pub(crate) fn start(config: &Config, node: &str) -> Result<Self, Failure> {
        let filter = |field: &str, text: &str| EnvFilter::try_new(text).map_err(|error| refused(field, &error));
        let traces = provider(config, node)?;
        let mut layers = vec![log(config.log.format).with_filter(filter("log.filter", &config.log.filter)?).boxed()];
        // Not an `Option` in the stack: an absent layer refuses nothing, so spans that nobody wants would be made.
        if let Some(provider) = &traces {
            let spans = tracing_opentelemetry::layer().with_tracer(provider.tracer("florin"));
            layers.push(spans.with_filter(filter("traces.filter", &config.traces.filter)?).boxed());
        }
        let subscriber = tracing_subscriber::registry().with(layers);
        tracing::subscriber::set_global_default(subscriber).map_err(|error| refused("log", &error))?;
        Ok(Self { traces })
    }

    /// Sends the spans that are still in memory.
    pub(crate) async fn stop(self) {
        let Some(provider) = self.traces else { return };
        // The flush waits for a task of this runtime, so it must not block one of its workers.
        match tokio::task::spawn_blocking(move || provider.shutdown()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the last traces could not be sent"),
            Err(error) => tracing::warn!(%error, "the last traces could not be sent"),
        }
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
    let processor = BatchSpanProcessor::builder(exporter, runtime::Tokio).build();
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
