//! Body intake.
