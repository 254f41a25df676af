/// What ONNX Runtime 1.29 and newer look for when they are loaded.
const VARIABLE: &str = "ORT_DISABLE_TELEMETRY";

/// Keeps ONNX Runtime from reporting to its makers.
///
/// The official builds since 1.29 keep an identifier in the user's cache folder and send what runs to Microsoft, unless
/// an environment variable forbids it before they are loaded: what can be turned off afterwards, and
/// [`OnnxRuntime::load`](crate::OnnxRuntime::load) does, leaves the first report. Whoever set the variable, to whatever
/// value, is obeyed.
///
/// # Safety
/// Changes the environment: no other thread may run yet. Call it first in `main`.
pub unsafe fn disable_telemetry() {
    if std::env::var_os(VARIABLE).is_none() {
        // SAFETY: the caller's promise.
        unsafe { std::env::set_var(VARIABLE, "1") };
    }
}
