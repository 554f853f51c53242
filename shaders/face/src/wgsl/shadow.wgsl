// Depth of the bust seen from the key light.

@vertex
fn vs_shadow(v: VertexIn) -> @builtin(position) vec4f {
    return frame.light_from_world * vec4f(placed(v.position.xyz, v.albedo.w), 1.0);
}
