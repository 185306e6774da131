//! The application: reconcile keys through the pipeline.
