/// The variable that ONNX Runtime 1.29 and newer read when they are loaded.
const VARIABLE: &str = "ORT_DISABLE_TELEMETRY";

/// Keeps ONNX Runtime from sending reports to Microsoft.
///
/// The official builds since 1.29 keep an identifier in the user's cache folder and report what runs, unless an
/// environment variable forbids it before they are loaded. [`OnnxRuntime::load`](crate::OnnxRuntime::load) turns reports
/// off as well, but only after the first one was sent. If the variable is set already, its value is kept.
///
/// # Safety
/// Changes the environment: no other thread may run yet. Call it first in `main`.
pub unsafe fn disable_telemetry() {
    if std::env::var_os(VARIABLE).is_none() {
        // SAFETY: the caller's promise.
        unsafe { std::env::set_var(VARIABLE, "1") };
    }
}
