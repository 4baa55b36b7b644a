"""The stages that an old photograph goes through: one stage per file, and the pipeline that joins them."""
