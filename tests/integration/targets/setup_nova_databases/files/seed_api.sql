-- Copyright: (c) 2026, stackmove.nova contributors
-- GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
-- SPDX-License-Identifier: GPL-3.0-or-later

-- The API database: two cells, the second one's URL a template; one server and one host for each; two flavors.

INSERT INTO cell_mappings (`id`, `created_at`, `uuid`, `name`, `transport_url`, `database_connection`, `disabled`) VALUES
  (1, '2026-11-01 12:00:00', '00000000-0000-0000-0000-000000000000', 'cell0', 'none:///', '{scheme}://{username}:{password}@{hostname}:{port}/nova_cell0?{query}', 0),
  (2, '2026-11-01 12:00:00', 'c0000000-0000-4000-8000-000000000001', 'cell1', 'none:///', 'mysql+pymysql://stackmove:Sw0rd%40fish@127.0.0.1:@PORT@/nova_cell1?charset=utf8', 0),
  (3, '2026-11-01 12:00:00', 'c0000000-0000-4000-8000-000000000002', 'cell2', 'none:///', '{scheme}://{username}:{password}@{hostname}:{port}/nova_cell2?{query}', 0);
INSERT INTO host_mappings (`cell_id`, `host`) VALUES
  (2, 'cmp1'),
  (3, 'cmp2');
INSERT INTO instance_mappings (`created_at`, `instance_uuid`, `cell_id`, `project_id`, `user_id`, `queued_for_delete`) VALUES
  ('2026-11-01 12:00:00', '6d2c1f9e-58a5-4f6b-9a1e-0a4a8f3c7d11', 2, '2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f', '1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f', 0),
  ('2026-11-01 12:00:00', '7e3d2a0f-69b6-4a7c-8b2f-1b5b9a4d8e22', 2, '2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f', '1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f', 0);
INSERT INTO request_specs (`created_at`, `instance_uuid`, `spec`) VALUES
  ('2026-11-01 12:00:00', '6d2c1f9e-58a5-4f6b-9a1e-0a4a8f3c7d11', '{"nova_object.name": "RequestSpec", "nova_object.namespace": "nova", "nova_object.version": "1.14", "nova_object.data": {"id": 3, "image": {"nova_object.name": "ImageMeta", "nova_object.namespace": "nova", "nova_object.version": "1.8", "nova_object.data": {"id": "c1b2a3d4-0000-4000-8000-00000000abcd", "container_format": "bare", "disk_format": "qcow2", "min_ram": 0, "min_disk": 0, "properties": {"nova_object.name": "ImageMetaProps", "nova_object.namespace": "nova", "nova_object.version": "1.34", "nova_object.data": {"hw_disk_bus": "virtio"}}}}, "numa_topology": null, "pci_requests": null, "project_id": "2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f", "user_id": "1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f", "availability_zone": null, "flavor": {"nova_object.name": "Flavor", "nova_object.namespace": "nova", "nova_object.version": "1.2", "nova_object.data": {"id": 2, "name": "m1.small", "memory_mb": 512, "vcpus": 1, "root_gb": 5, "ephemeral_gb": 0, "flavorid": "2", "swap": 0, "rxtx_factor": 1.0, "vcpu_weight": 0, "disabled": false, "is_public": true, "extra_specs": {"hw_rng:allowed": "True"}, "description": null, "created_at": "2026-11-01T12:00:00Z", "updated_at": null, "deleted_at": null, "deleted": false}}, "num_instances": 1, "ignore_hosts": null, "force_hosts": null, "force_nodes": null, "retry": null, "limits": {"nova_object.name": "SchedulerLimits", "nova_object.namespace": "nova", "nova_object.version": "1.0", "nova_object.data": {}}, "instance_group": null, "scheduler_hints": {}, "instance_uuid": "6d2c1f9e-58a5-4f6b-9a1e-0a4a8f3c7d11", "security_groups": {"nova_object.name": "SecurityGroupList", "nova_object.namespace": "nova", "nova_object.version": "1.1", "nova_object.data": {"objects": []}}, "is_bfv": false}}');
INSERT INTO flavors (`id`, `created_at`, `name`, `flavorid`, `memory_mb`, `vcpus`, `swap`, `vcpu_weight`, `rxtx_factor`, `root_gb`, `ephemeral_gb`, `disabled`, `is_public`, `description`) VALUES
  (2, '2026-11-01 12:00:00', 'm1.small', '2', 512, 1, 0, 0, 1, 5, 0, 0, 1, NULL),
  (3, '2026-11-01 12:00:00', 'm1.medium', '3', 1024, 2, 0, 0, 1, 10, 0, 0, 1, 'twice');
INSERT INTO flavor_extra_specs (`flavor_id`, `key`, `value`) VALUES
  (2, 'hw_rng:allowed', 'True'),
  (3, 'hw_rng:allowed', 'True');
