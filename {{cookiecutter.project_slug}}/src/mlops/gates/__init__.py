"""Is this model as good as the one it would replace?"""
