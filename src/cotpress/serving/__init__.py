"""What a trained model is served as: a merged folder, its chat template and its card."""
