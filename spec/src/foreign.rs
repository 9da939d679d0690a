//! Placeholder: signatures of foreign functions.
