"""The meshes this portal looks after."""
