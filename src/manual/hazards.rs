//! Hazards: what fails where a promise does not hold, what detects it, and what remains for the integrator; and the threat model.
