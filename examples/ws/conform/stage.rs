use crate::args::{Args, Failure, Outcome};
pub(super) fn run(_: &Args, _: u8) -> Outcome {
    Err(Failure::usage("x"))
}
